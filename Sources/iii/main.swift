print("iii")

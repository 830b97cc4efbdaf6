"""A worker to be killed: `sleeper.py URL PREFIX` registers PREFIX::sleep, which never answers, and PREFIX::echo."""

import sys
import time

from iii import register_worker

url, prefix = sys.argv[1:]
worker = register_worker(url)


def sleep(data):
    worker.trigger({"function_id": f"{prefix}::started", "payload": {}})
    time.sleep(3600)


worker.register_function(f"{prefix}::sleep", sleep)
worker.register_function(f"{prefix}::echo", lambda data: data)
path = {"api_path": f"{prefix}/sleep", "http_method": "POST"}
worker.register_trigger({"type": "http", "function_id": f"{prefix}::sleep", "config": path})

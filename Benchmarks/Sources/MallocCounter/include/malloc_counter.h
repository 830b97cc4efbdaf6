// The counter is loaded with LD_PRELOAD; nothing links against it.

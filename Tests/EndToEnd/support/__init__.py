"""Helpers of the end-to-end tests: the engine as a child process, a raw WebSocket client, HTTP, the SDK matrix."""

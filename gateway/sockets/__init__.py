"""The WebSocket: one connection, what is asked on it, and what ends with it."""

"""HTTP in front of the engine: ASGI without Ray."""

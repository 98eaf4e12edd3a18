"""Trees in ONNX behind a hand-written ASGI application."""

"""Compiled programs as ONNX graphs: a function per operation, and a comparison of both."""

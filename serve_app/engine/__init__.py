"""The use cases in plain Python, without Ray and without HTTP."""

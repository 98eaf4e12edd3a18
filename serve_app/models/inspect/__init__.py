"""Whether a model's file holds together, looked at before a native library reads it.

The libraries trust what a file says of itself: a child that is no node, a feature that no row has
or a length beyond the end let them read memory that is not theirs, and the process ends. Each
format has a file here that reads it in plain Python and NumPy, in time linear in its size. What is
refused is an `InvalidInput` that names the part; who opened the file adds its name.
"""

"""The words of each protocol: one module per dialect, from bytes to columns and back.

Each module holds one object, `DIALECT`, with what `dialect.Dialect` asks for.
"""

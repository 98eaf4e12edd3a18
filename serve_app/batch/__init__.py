"""Batch jobs: what is read, how it is cut into shards, and the ledger of what is done.

Beside them, requests that are answered later.

Nothing here computes predictions, and nothing needs more than NumPy, fsspec and, for Parquet,
pyarrow: `engine/batch/` predicts.
"""

"""Batch jobs: shards of files answered as requests are, and committed once each."""

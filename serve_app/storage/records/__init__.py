"""The log of predictions: deliveries of gateways, compacted into Parquet segments, and queries."""

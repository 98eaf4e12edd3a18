"""The Pipeline as a BentoML service."""

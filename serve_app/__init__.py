"""Put trained tabular models into production on Ray Serve."""

__version__ = "0.1.0"

"""The Pipeline behind plain Ray Serve."""

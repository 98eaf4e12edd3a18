"""The Pipeline behind this project."""

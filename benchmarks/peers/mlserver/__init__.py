"""The Pipeline behind MLServer."""

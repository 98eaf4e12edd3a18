"""The Pipeline behind MLflow's scoring server."""

"""MLflow's server: models come from there, and versions, runs and aliases are told to it."""

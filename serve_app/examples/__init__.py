"""Real data and models that a newcomer can have in production within two minutes."""

"""Values that travel and pure arithmetic on them: numpy and the standard library only."""

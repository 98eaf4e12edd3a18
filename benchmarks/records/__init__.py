"""What the log of predictions costs to write and to query."""

"""What happened: log lines."""

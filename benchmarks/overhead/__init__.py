"""What the gateway adds to Ray's own cost of a request, in processor time."""

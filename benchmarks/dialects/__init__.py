"""What dialects cost beside each other: `make bench-dialects`."""

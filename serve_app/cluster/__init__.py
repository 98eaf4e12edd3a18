"""The local Ray cluster: its processes, their environment, its nodes and ports."""

"""What runs on a device: it imports NumPy, the core and compiled models, and nothing else."""

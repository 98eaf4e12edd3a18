"""Changes of what is deployed, handed to Serve from outside the cluster."""

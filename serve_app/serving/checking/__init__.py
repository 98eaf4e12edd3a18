"""What is wrong with a Serve config, before anything of it is deployed."""

"""Container images: the Dockerfile of all three, what is checked of them, and baked models."""

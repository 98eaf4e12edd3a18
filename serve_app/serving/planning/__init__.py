"""What a deploy of a config would change, before it is deployed."""

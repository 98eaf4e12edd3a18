"""The front door: `serve-app`."""

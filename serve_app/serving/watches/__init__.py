"""What the monitor watches, one module each; `watch.py` says what all of them have."""

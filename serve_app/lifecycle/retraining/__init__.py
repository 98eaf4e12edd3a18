"""Retraining: what begins a run, what keeps it from beginning, and how its version takes over."""

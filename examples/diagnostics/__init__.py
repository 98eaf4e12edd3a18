"""Predictive diagnostics: who is called malignant follows from what a miss costs."""

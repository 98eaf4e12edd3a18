"""Estimators that a search tries: how they are built, fitted on folds, and judged."""

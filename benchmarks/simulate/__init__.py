"""Guarantees of experiments, simulated with fixed seeds and held against their goals."""

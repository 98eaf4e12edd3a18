"""Demand and stock: how much to order is a quantile, and empty shelves hide what was wanted."""

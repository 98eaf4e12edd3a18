"""Flights that arrive late: a year of real drift, month by month."""

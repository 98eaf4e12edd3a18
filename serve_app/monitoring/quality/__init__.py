"""Realised quality: what answers were worth, from the truth that came back about them.

Rows become *sums* (integer counts and exact sums), which add up in any order: over windows,
replicas, variants and segments. Metrics are computed from sums, each with an interval and the
number of rows that it rests on.
"""

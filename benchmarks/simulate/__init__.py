"""Simulated guarantees: what is promised of statistics, traffic and decisions, and what holds.

One file per scenario with a function `measure(effort)`, and a line in `SCENARIOS` of
`__main__.py`. Seeds are fixed, so that the same code measures the same.
"""

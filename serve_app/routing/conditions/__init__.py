"""Conditions on requests: text is parsed, typed, checked and compiled when a route is built.

The language is closed: comparisons of columns, headers, the caller and shares with constants,
joined by `and`, `or` and `not`. Nothing of it is evaluated as Python.
"""

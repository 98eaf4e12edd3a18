"""Programs on one row: Python's own numbers in place of a chain of NumPy calls, to the same bits.

Which steps that takes is chosen when a version is loaded, and proven then against the program.
"""

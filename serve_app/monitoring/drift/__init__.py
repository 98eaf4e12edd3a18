"""Whether the rows of a window still look like the reference: distances, tests, verdicts.

Everything here is a pure function of integer counts over the reference's bins (or, for the
multivariate tests, of matrices), so that windows merged from any replicas in any order give
the same verdict.
"""

"""Estimated quality: what answers are worth before anybody knows the truth.

Classifiers by their own calibrated probabilities (`cbpe.py`), regressors by a second model of
their error (`dle.py`). Both follow what comes in (a shift of the inputs), and **assume no concept
drift**: where the truth has come to depend on the inputs in another way, only realised quality
shows it.
"""

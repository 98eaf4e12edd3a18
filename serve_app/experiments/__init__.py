"""Statistics of experiments: what variants are worth, and how sure that is.

One file per method. Counts and sums go in, a frozen result comes out; nothing here knows HTTP,
Ray or a database. The way of a comparison:

    sums of each arm   estimate.py, cuped.py         an `Estimate` per arm
    two estimates      effect.py                     an `Effect`: difference or relative lift
    an effect          welch.py                      looked at once, at the planned end
                       group_sequential.py           looked at a planned number of times
                       confidence_sequence.py        looked at whenever one likes

`bernoulli_sequence.py` is exact where events are too few for any of these, `power.py` says how
many rows each of them needs. Needs SciPy, which `serve-app run` does without: whoever wants a
method imports its file when it is wanted.
"""

"""Statistics of experiments: what variants are worth, and how sure that is.

One file per method. Counts and sums go in, a frozen result comes out; nothing here knows HTTP,
Ray or a database. The way of a comparison:

    sums of each arm   estimate.py, cuped.py         an `Estimate` per arm
    rows of each arm   quality.py, quantile.py       an `Estimate` per arm
    two estimates      effect.py                     an `Effect`: difference or relative lift
    an effect          welch.py                      looked at once, at the planned end
                       group_sequential.py           looked at a planned number of times
                       confidence_sequence.py        looked at whenever one likes

`sample_ratio.py` says first whether the arms can be compared at all, `posterior.py` and
`best_arm.py` which one is best, `paired.py` how two models answer the same requests,
`off_policy.py` what another way of routing would have earned, `multiple.py` what many tests at
once may claim. `bernoulli_sequence.py` is exact where events are too few for any of these,
`power.py` says how many rows each of them needs. Needs SciPy, which `serve-app run` does without:
whoever wants a method imports its file when it is wanted.
"""

"""From a fitted estimator to a registered version, step by step."""

"""MLServer with its scikit-learn runtime, as its documentation shows it; JSON holds no remarks.

Settings: `parallel_workers` is one per core; the `pd` content type gives the Pipeline its
DataFrame, and requests ask for the output `predict_proba` alone; the batched variant groups
up to 64 requests within a millisecond, the least wait that groups at all; no metrics
endpoint, no access log; one thread per worker computes (`OMP_NUM_THREADS=1`).
"""

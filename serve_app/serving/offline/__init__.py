"""Work of a cluster beside serving: batch jobs and training, on what serving leaves over."""

"""What holds before any test imports a library that computes."""

import os

# Processes of tests share the processors already. Threads of OpenMP that wait for each other keep
# them busy: a test of histogram boosting takes six times as long with two as with one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

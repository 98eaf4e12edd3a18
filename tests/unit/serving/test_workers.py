"""How many threads a replica computes with follows what is reserved for it."""

import pytest

from serve_app.serving.workers import compute_threads


@pytest.mark.parametrize(
    ("cpus", "threads"), [(0, 1), (0.2, 1), (1, 1), (1.9, 1), (2, 2), (2.5, 2), (3.0, 3), (16, 16)]
)
def test_there_is_one_thread_below_two_cpus_and_one_per_whole_cpu_from_two_on(cpus, threads):
    assert compute_threads(cpus) == threads

"""What is installed, and how the machine computes."""

import importlib.metadata
import os
import platform
from pathlib import Path

import numpy as np
import pytest

from serve_app.engine.registration.environment import cpu_features, environment, threads


def test_libraries_python_and_machine_are_those_of_this_process():
    here = environment("training")
    assert here.process == "training"
    assert here.libraries["numpy"] == np.__version__
    assert here.libraries["scikit-learn"] == importlib.metadata.version("scikit-learn")
    assert list(here.libraries) == sorted(here.libraries)
    assert here.python == platform.python_version()
    assert here.platform.endswith(platform.machine())
    assert here == environment("training")


@pytest.mark.parametrize(
    ("text", "features"),
    [
        ("processor\t: 0\nflags\t\t: fpu sse sse4_2 avx2 fma htt\nflags : avx512f\n",
         ("avx2", "fma", "sse4_2")),
        ("processor : 0\nFeatures\t: fp asimd evtstrm sve\n", ("asimd", "sve")),
        ("nothing of the kind\n", ()),
    ],
)  # fmt: skip
def test_features_that_decide_how_sums_are_rounded_are_kept(tmp_path, text, features):
    (tmp_path / "cpuinfo").write_text(text)
    assert cpu_features(tmp_path / "cpuinfo") == features


def test_where_nothing_describes_the_processor_none_are_known():
    assert cpu_features(Path("/nowhere/cpuinfo")) == ()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"OMP_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "", "MKL_NUM_THREADS": "2"}, 2),
        ({"OMP_NUM_THREADS": "0"}, len(os.sched_getaffinity(0))),
        ({"OMP_NUM_THREADS": "4,2"}, len(os.sched_getaffinity(0))),
        ({}, len(os.sched_getaffinity(0))),
    ],
)
def test_threads_are_those_of_a_variable_or_of_the_processors(variables, expected):
    assert threads(variables) == expected

"""How figures are told."""

import math

from benchmarks.scaling.__main__ import lines


def test_figures_of_several_deployments_have_a_line_each() -> None:
    told = lines({"after s": {"gateway": 3.5, "model": None}, "changes": {}, "p99 ms": math.inf})
    assert told == [
        ("after s: gateway", "3.5"),
        ("after s: model", "never"),
        ("changes", "none"),
        ("p99 ms", "never"),
    ]

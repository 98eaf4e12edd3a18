"""What starts cost is told by medians, and by what each process is."""

import pytest

from benchmarks.start import Started, summary, title


class Process:
    def __init__(self, *line, name="python"):
        self._line = line
        self._name = name

    def cmdline(self):
        return list(self._line)

    def name(self):
        return self._name


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (["ray::ServeReplica:gateway:Gateway"], "ray::ServeReplica:gateway:Gateway"),
        (["/x/python", "/x/ray/dashboard/agent.py", "--ip"], "Ray dashboard agent"),
        (["/x/python", "/x/lean/dashboard/dashboard.py"], "Ray dashboard"),
        (["/x/gcs_server", "--log"], "Ray GCS"),
        (["/x/other"], "python"),
    ],
)
def test_a_process_has_the_name_that_people_call_it_by(line, what):
    assert title(Process(*line)) == what


def test_rounds_become_medians_and_the_last_ones_processes():
    rounds = [
        Started("serve", "lean", seconds, {"raylet": [10.0], "idle worker": [30.4, mib]})
        for seconds, mib in ((12.0, 20.0), (9.0, 50.0), (30.0, 40.0))
    ]
    made = summary(rounds)
    assert made["first_answer_s"] == 12.0
    assert made["pss_mib"] == 80
    assert made["processes"] == 3
    assert made["pss_mib_by_process"] == {"idle worker": [30, 40], "raylet": [10]}

"""What the benchmark of fairness makes of what it saw, without a server."""

import yaml

from benchmarks.fairness import Outcome, row, with_keys, within_goal
from benchmarks.report import Recorder, Report
from benchmarks.scaling.cluster import REPOSITORY
from benchmarks.wire import Answer
from serve_app.config import GatewayArgs


def report(latencies_ms: list[float], failed: int = 0) -> Report:
    recorder = Recorder(None)
    for latency_ms in latencies_ms:
        recorder.answered(Answer(200, b"", b"", True), began_s=1.0, ended_s=1.0 + latency_ms / 1000)
    for _ in range(failed):
        recorder.failed("429", "", began_s=1.0)
    return recorder.report(10.0)


def test_the_ratio_is_that_of_the_99th_percentiles() -> None:
    alone = report([2.0] * 98 + [4.0, 40.0])
    beside = report([3.0] * 97 + [6.0, 9.0, 90.0], failed=2)
    flood = str(Outcome(5.25, {"504": 1, "429": 12}))
    said = row("16 x 10,000 rows", alone, beside, ("5.5", flood))
    assert said == ["16 x 10,000 rows", "3.0", "9.0", "2.2", "2", "5.5", "5.2 429: 12, 504: 1"]
    assert not within_goal(alone, beside)
    assert within_goal(alone, report([8.0] * 100))


def test_who_was_never_answered_is_not_within_the_goal() -> None:
    alone, nothing = report([2.0]), report([], failed=3)
    assert not within_goal(alone, nothing)
    assert row("beside", alone, nothing) == ["beside", "-", "-", "-", "3", "", ""]


def test_both_need_keys_at_a_cluster_of_its_own() -> None:
    file = REPOSITORY / "configs" / "local.yaml"
    config = with_keys(file)
    before = yaml.safe_load(file.read_text())
    changed = [one["args"] for one in config["applications"] if one not in before["applications"]]
    assert len(changed) == 1
    assert GatewayArgs.model_validate(changed[0]).access.mode == "keys"

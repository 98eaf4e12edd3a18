"""What processes have counted becomes samples of the catalogue's metrics."""

from types import SimpleNamespace

from serve_app.core.workload import Load
from serve_app.monitoring import samples


def values(given):
    return {(one.metric.name, *one.labels): one.value for one in given}


def test_a_process_says_when_it_handed_its_counts_over_and_what_failed():
    statuses = {"follow control": SimpleNamespace(failures=2)}
    assert values(samples.of_process("gateway", statuses, 1_790_000_000.5)) == {
        ("serve_app_export_timestamp_seconds", "gateway"): 1_790_000_000.5,
        ("serve_app_task_failures", "gateway: follow control"): 2,
    }


def test_versions_that_a_replica_holds_are_named_with_what_they_are():
    manifest = SimpleNamespace(
        reference="a@3", flavour="xgboost", digest="0123456789abcdef" * 4, created_at="2026-01-02"
    )
    assert values(samples.of_models([manifest])) == {
        ("serve_app_model_info", "a@3", "xgboost", "0123456789ab", "2026-01-02"): 1
    }


def test_times_of_a_load_are_in_seconds():
    load = Load(busy=0.5, waiting_requests=2.0, wait_ms=3.0, call_ms=4.0, calls=5)
    assert values(samples.of_load("a@3", load)) == {
        ("serve_app_busy_ratio", "a@3"): 0.5,
        ("serve_app_wait_seconds", "a@3"): 0.003,
        ("serve_app_waiting_requests", "a@3"): 2.0,
    }

"""What the gateway adds, as far as it can be tested without a cluster."""

import asyncio
import io
import string
from pathlib import Path

import pytest
import yaml
from ray.serve.schema import ServeDeploySchema
from rich.console import Console

from benchmarks.overhead import access, connections
from benchmarks.overhead.__main__ import (
    HERE,
    TARGETS,
    WITH_REPLICAS,
    Failed,
    Round,
    _process,
    _table,
)


def routes_of(name: str) -> dict[str, str | None]:
    """The applications of a config of the benchmark, and their paths."""
    text = string.Template((HERE / name).read_text()).substitute(
        port=8000, registry="./registry", state="./state", version="progression-xgb@1"
    )
    config = ServeDeploySchema.model_validate(yaml.safe_load(text))
    return {application.name: application.route_prefix for application in config.applications}


def test_replicas_are_asked_in_both_ways_on_their_paths() -> None:
    routes = routes_of("replicas.yaml")
    model = {"progression-xgb-1": None, "control": None}
    assert routes == {"gateway": "/", "sockets": "/sockets", **model}
    assert [target.path for target in WITH_REPLICAS] == [
        "/v1/models/progression:predict", "/sockets/v1/models/progression:predict",
    ]  # fmt: skip


def test_requests_in_memory_are_answered_by_every_target() -> None:
    costs = asyncio.run(connections.measured_us(1))
    assert len(costs) == 3
    assert all(cost_us > 0 for cost_us in costs.values())


def test_the_config_holds_both_applications_on_their_paths() -> None:
    routes = routes_of("both.yaml")
    assert routes == {"gateway": "/", "express": "/express", "bare": "/bare", "control": None}
    served = ("/v1/", "/express/v1/", "/bare/")
    assert all(target.path.startswith(served) for target in TARGETS)


def test_what_is_added_is_the_difference_of_the_medians() -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    ours = [Round(10, 190, 1.5, 7), Round(11, 170, 1.25, 9), Round(9, 400, 2, 8)]
    bare = [Round(12, 150), Round(13, 160), Round(9, 1)]
    console.print(_table({"ours": ours, "bare": bare}, 64))
    said = console.export_text()
    assert "64 connections" in said
    line = next(line for line in said.splitlines() if "ours" in line)
    cells = [cell.strip() for cell in line.strip("│ ").split("│")]
    assert cells == ["ours", "10", "1.50 ms", "8.0 ms", "190 µs", "170 to 400 µs", "+40 µs"]


def test_a_process_that_is_not_alone_is_refused() -> None:
    with pytest.raises(Failed, match="0 processes are called ray::nobody"):
        _process("ray::nobody")


def test_every_way_of_knowing_and_limiting_callers_is_answered() -> None:
    ways = access.ways()
    names = [way.name for way in ways]
    assert names == ["everybody", "an API key", "an API key, limits", "a token", "a token, limits"]
    costs = asyncio.run(access.measured_us(ways, 2))
    assert all(cost_us > 0 for cost_us in costs)
    for way in ways[1:]:
        with pytest.raises(RuntimeError, match="401"):
            asyncio.run(access.ask_together(way.target, []))


def test_what_callgrind_counts_between_two_marks_is_that_of_a_way(tmp_path: Path) -> None:
    requests = access.COUNTED_TURNS * access.TOGETHER
    # As Valgrind 3.19 writes them; numbers are in the order of the dumps, not of their names.
    for number, count in ((1, 7), (2, 100 * requests), (3, 9), (10, 130 * requests)):
        (tmp_path / f"out.{number}").write_text(
            f"events: Ir\nsummary: {count}\n\ntotals: {count}\n"
        )
    assert access.between_marks(tmp_path) == [100, 130]
    (tmp_path / "out.11").write_text("events: Ir\n")
    with pytest.raises(access.CannotCount, match="5 files, 4 of them"):
        access.between_marks(tmp_path)


def test_without_valgrind_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(access.CannotCount, match="apt-get install valgrind"):
        access.counted("benchmarks.overhead.access")

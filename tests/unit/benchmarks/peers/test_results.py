"""Results that are written, read, and added to."""

from pathlib import Path

import pytest

from benchmarks.peers.measured import Closed, Generator, Open
from benchmarks.peers.results import Results, both, read, write
from benchmarks.peers.wrk import Measured

LOAD = Measured(400, 200.0, 1.0, 2.0, 3.0, {})


def _results(name: str, kind: str, cores: int = 2) -> Results:
    return Results(
        about={"cores": cores},
        runs=[{"peers": [name]}],
        servers={name: {"kind": kind, "settings": "as it comes"}},
        versions={name: {"numpy": "2"}},
        rounds=[Closed(name, 1.0, {"1 row, 16 connections": LOAD}, 9.0, [("a", 9.0)], 100, 50)],
        arrivals=[Open(name, 50.0, 99, 0, 1.0, 2.0, 9.0, {"503": 1})],
        generators=[Generator(9000.0, [Open("alone", 50.0, 100, 0, 0.1, 0.2, 0.9)])],
    )


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    results = _results("ours", "ours")
    write(tmp_path / "a" / "results.json", results)
    assert read(tmp_path / "a" / "results.json").rounds == results.rounds
    assert read(tmp_path / "a" / "results.json").arrivals == results.arrivals
    assert read(tmp_path / "a" / "results.json").generators == results.generators


def test_a_further_run_of_the_same_machine_is_added() -> None:
    whole = both(_results("ours", "ours"), _results("theirs", "peer"))
    assert whole.kinds == {"ours": "ours", "theirs": "peer"}
    assert [one.peer for one in whole.rounds] == ["ours", "theirs"]
    assert len(whole.runs) == 2


def test_figures_of_two_machines_are_not_mixed() -> None:
    with pytest.raises(ValueError, match="had another cores"):
        both(_results("a", "peer"), _results("a", "peer", cores=64))


def test_another_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('{"day": "2026-01-01"}')
    with pytest.raises(ValueError, match=r"other\.json is no file"):
        read(tmp_path / "other.json")

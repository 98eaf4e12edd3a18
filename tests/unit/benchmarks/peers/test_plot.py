"""Pictures of results, and that they are such."""

import xml.etree.ElementTree as ET
from pathlib import Path

from benchmarks.peers.measured import Closed, Open
from benchmarks.peers.plot import main, pictures
from benchmarks.peers.results import Results, write
from benchmarks.peers.wrk import Measured

SVG = "{http://www.w3.org/2000/svg}"


def _results() -> Results:
    def closed(name: str, rate_per_s: float) -> Closed:
        load = Measured(400, rate_per_s, 1.0, 2.0, 3.0, {})
        loads = {"1 row, 16 connections": load, "1 row, 64 connections": load}
        return Closed(name, 1.0, loads, 9.0, [], 100, 50)

    return Results(
        about={},
        runs=[],
        servers={
            "slow": {"kind": "peer", "settings": ""},
            "quick": {"kind": "ours", "settings": ""},
        },
        versions={},
        rounds=[closed("slow", 90.0), closed("quick", 5000.0)],
        arrivals=[Open("slow", 50.0, 50, 50, 1.0, 2.0, 9.0), Open("quick", 50.0, 100, 0, 1, 2, 9)],
    )


def _words(picture: str) -> list[str]:
    return ["".join(found.itertext()) for found in ET.fromstring(picture).iter(f"{SVG}text")]


def test_there_is_a_picture_of_each_part_that_was_measured() -> None:
    assert set(pictures(_results())) == {"peers-one-row.svg", "peers-arrivals-1.svg"}


def test_the_quickest_stands_at_the_top() -> None:
    words = _words(pictures(_results())["peers-one-row.svg"])
    assert words.index("quick") < words.index("slow")


def test_a_server_that_answered_in_part_says_so_in_its_line() -> None:
    words = _words(pictures(_results())["peers-arrivals-1.svg"])
    assert "slow, 50% answered" in words
    assert "quick" in words


def test_the_command_writes_files(tmp_path: Path) -> None:
    write(tmp_path / "results.json", _results())
    assert main([str(tmp_path / "results.json"), "--out", str(tmp_path)]) == 0
    assert (tmp_path / "peers-one-row.svg").read_text().startswith("<svg")
    assert main([str(tmp_path / "none.json"), "--out", str(tmp_path)]) == 1

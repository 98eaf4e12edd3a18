"""HAProxy as the benchmark runs it, as far as it can be tested without a load."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import proxy
from serve_app.cluster.edge.files import FRONTEND


def test_rays_own_configuration_is_one_that_the_launcher_can_add_rules_to(tmp_path: Path) -> None:
    text = proxy.rays_config(tmp_path, 18501, 18502, 18503).read_text()
    lines = [line.strip() for line in text.splitlines()]
    assert lines.index("bind 127.0.0.1:18501") > lines.index(f"frontend {FRONTEND}")
    assert any("127.0.0.1:18503" in line and line.startswith("server ") for line in lines)


def test_what_is_added_is_the_difference_of_the_medians() -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(proxy.table_of({"theirs": [30.0, 33.0, 90.0], "ours": [44.0, 40.0, 41.0]}))
    said = console.export_text()
    assert "33.0 µs" in said
    assert "40.0 to 44.0 µs" in said
    assert said.split("added")[1].split("│")[1].strip() == "8.0 µs"


def test_what_does_not_listen_is_said_with_its_words(tmp_path: Path) -> None:
    words = ["sh", "-c", "echo no such rule >&2; exit 1"]
    with pytest.raises(proxy.Failed, match="no such rule"):
        proxy._started(tmp_path / "log", words, proxy._free_port())

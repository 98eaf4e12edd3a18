"""What the kernel says of the processor."""

from pathlib import Path

from benchmarks.peers.machine import processor


def test_the_processor_is_named(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Some CPU @ 2\n")
    assert processor(tmp_path / "cpuinfo") == "Some CPU @ 2"

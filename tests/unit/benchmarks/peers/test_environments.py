"""Pins, read from requirements."""

from benchmarks.peers.environments import required


def test_pins_are_read_with_their_extras() -> None:
    assert required("# why\nuvicorn[standard]==0.1\nray==2\n--editable .\n") == ["uvicorn", "ray"]

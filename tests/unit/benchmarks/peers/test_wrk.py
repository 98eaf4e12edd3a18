"""What wrk says, read as figures."""

from pathlib import Path

import pytest

from benchmarks.peers.wrk import NoLoad, parse, write_bodies

SAID = (
    "Running 2s test @ http://127.0.0.1:1\n  2 requests in 2.00s\n\n"
    '{"requests": 400, "duration_us": 2000000, "bytes": 9, "connect": 0, "read": 0, "write": 0, '
    '"status": 4, "timeout": 1, "p50_us": 1500.0, "p99_us": 2500.0, "p999_us": 9000.0, '
    '"max_us": 9001.0}\n'
)


def test_what_wrk_says_becomes_rates_and_milliseconds() -> None:
    measured = parse(SAID)
    assert (measured.requests, measured.rate_per_s) == (400, 198.0)
    assert (measured.p50_ms, measured.p99_ms, measured.p999_ms) == (1.5, 2.5, 9.0)


def test_failures_are_counted_by_kind() -> None:
    measured = parse(SAID)
    assert measured.failed_by == {"status": 4, "timeout": 1}
    assert measured.failed == 5


def test_wrk_without_its_line_is_no_measurement() -> None:
    with pytest.raises(NoLoad, match="unable to connect"):
        parse("unable to connect to 127.0.0.1:1 Connection refused")


def test_bodies_stand_one_per_line(tmp_path: Path) -> None:
    write_bodies(tmp_path / "bodies", [b'{"a":1}', b'{"a":2}'])
    assert (tmp_path / "bodies").read_bytes() == b'{"a":1}\n{"a":2}\n'
    with pytest.raises(ValueError, match="line break"):
        write_bodies(tmp_path / "bodies", [b"{\n}"])

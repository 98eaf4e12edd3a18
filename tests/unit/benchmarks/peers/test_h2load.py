"""What h2load says, read as figures."""

import pytest

from benchmarks.peers.h2load import parse
from benchmarks.peers.wrk import NoLoad

SAID = """finished in 2.00s, 199.00 req/s, 61.00KB/s
requests: 400 total, 401 started, 400 done, 398 succeeded, 2 failed, 0 errored, 0 timeout
status codes: 398 2xx, 0 3xx, 2 4xx, 0 5xx
traffic: 40.00KB (40960) total, 10.00KB (10240) headers (space savings 60.00%), 19.43KB (19900) data
"""
LOG = "".join(f"{index}\t200\t{index * 1000}\n" for index in range(1, 101)) + "7\t429\t1\n"


def test_rates_count_what_succeeded_and_times_are_of_answers() -> None:
    measured, data_bytes = parse(SAID, LOG)
    assert (measured.requests, measured.rate_per_s) == (400, 199.0)
    assert (measured.p50_ms, measured.p99_ms, measured.p999_ms) == (50.0, 99.0, 100.0)
    assert measured.failed_by == {"status": 2}
    assert data_bytes == 50.0


def test_without_its_words_or_answers_it_is_no_measurement() -> None:
    with pytest.raises(NoLoad, match="Could not connect"):
        parse("Could not connect", "")
    with pytest.raises(NoLoad, match="no answer"):
        parse(SAID, "7\t429\t1\n")

"""What the benchmark against peers reads, compares and computes; no server is started."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers import dialects
from benchmarks.peers.answers import Question, Said, Wrong, check, compare
from benchmarks.peers.environments import required
from benchmarks.peers.figures import Spread, best, by_peer, open_rates, ratio
from benchmarks.peers.machine import processor
from benchmarks.peers.model import COLUMNS, NUMBERS, asked, census, cut
from benchmarks.peers.peers import ALL, chosen
from benchmarks.peers.wrk import NoLoad, parse, write_bodies
from benchmarks.report import Latency

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


def test_equal_probabilities_are_right_within_the_tolerance() -> None:
    expected = np.array([0.25, 0.5])
    assert compare(expected + 9e-7, expected) == ""
    assert "row 1" in compare(expected + np.array([0, 2e-6]), expected)


def test_not_a_number_is_wrong() -> None:
    assert "row 0" in compare(np.array([np.nan]), np.array([0.5]))


def test_another_number_of_rows_is_wrong() -> None:
    assert "1 probabilities for 2 rows" in compare(np.array([0.5]), np.array([0.5, 0.5]))


@pytest.mark.parametrize(
    ("status", "body", "what"),
    [
        (503, b"busy", "status 503: busy"),
        (200, b"[]", "0 probabilities"),
        (200, b"{", "an answer without"),
        (200, b"[[0.5, 0.4]]", "instead of"),
    ],
)
def test_a_failed_or_wrong_answer_names_the_server(status: int, body: bytes, what: str) -> None:
    question = Question(b"", np.array([0.5]))
    with pytest.raises(Wrong, match=r"^slow: ") as caught:
        check("slow", dialects.BENTOML, [Said(status, 0, body)], [question])
    assert what in str(caught.value)


@pytest.mark.parametrize(
    ("dialect", "answer"),
    [
        (dialects.OWN, b'{"predictions": [1, 0], "probabilities": [[0.25, 0.75], [0.5, 0.5]]}'),
        (dialects.INSTANCES, b'{"probabilities": [[0.25, 0.75], [0.5, 0.5]]}'),
        (dialects.BENTOML, b"[[0.25, 0.75], [0.5, 0.5]]"),
        (dialects.MLFLOW, b'{"predictions": [[0.25, 0.75], [0.5, 0.5]]}'),
        (dialects.MLSERVER, b'{"outputs": [{"shape": [2, 2], "data": [0.25, 0.75, 0.5, 0.5]}]}'),
    ],
)
def test_every_dialect_gives_the_second_class(dialect: dialects.Dialect, answer: bytes) -> None:
    assert dialect.decode(answer).tolist() == [0.75, 0.5]


def test_a_spread_is_the_median_between_least_and_most() -> None:
    assert Spread.of([3.0, 1.0, 10.0]) == Spread(3.0, 1.0, 10.0)
    assert Spread.of([1.0, 2.0]).median == 1.5


def test_the_best_is_looked_for_among_its_kind_only() -> None:
    kinds = {"a": "peer", "b": "peer", "c": "ceiling"}
    rates = {"a": 10.0, "b": 30.0, "c": 900.0}
    assert best(rates, kinds, "peer") == 30.0
    assert best(rates, kinds, "ours") is None


def test_there_is_no_ratio_to_nothing() -> None:
    assert ratio(10.0, 4.0) == 2.5
    assert ratio(10.0, None) is None
    assert ratio(10.0, 0.0) is None


def test_arrivals_come_at_half_of_the_best_peer_and_half_of_ours() -> None:
    kinds = {"a": "peer", "ours": "ours", "c": "ceiling"}
    assert open_rates({"a": 100.0, "ours": 900.0, "c": 9000.0}, kinds) == [50.0, 450.0]
    assert open_rates({"c": 9000.0}, kinds) == []


def test_what_belongs_to_a_server_is_gathered_in_order() -> None:
    assert by_peer(["b1", "a1", "b2"], lambda one: one[0]) == {"b": ["b1", "b2"], "a": ["a1"]}


def test_the_highest_thousandth_has_a_percentile() -> None:
    latency = Latency.of([index / 1000 for index in range(1, 2001)])
    assert latency is not None
    assert (latency.p50_ms, latency.p99_ms, latency.p999_ms) == (1000.0, 1980.0, 1998.0)


def test_pins_are_read_with_their_extras() -> None:
    assert required("# why\nuvicorn[standard]==0.1\nray==2\n--editable .\n") == ["uvicorn", "ray"]


def test_the_processor_is_named(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Some CPU @ 2\n")
    assert processor(tmp_path / "cpuinfo") == "Some CPU @ 2"


def test_training_data_are_the_same_each_time_and_hold_gaps() -> None:
    (one, target), (other, again) = census(), census()
    assert one.equals(other)
    assert (target == again).all()
    assert tuple(one.columns) == COLUMNS
    assert one[list(NUMBERS)].isna().to_numpy().any()


def test_questions_are_whole_rows_that_follow_one_another() -> None:
    rows = asked()
    first, second = cut(rows, 2, 2)
    assert [*first, *second] == rows[:4]
    assert all(value is not None for row in first for value in row.values())
    with pytest.raises(ValueError, match="need more"):
        cut(rows[:3], 2, 2)


def test_servers_are_chosen_by_name() -> None:
    assert chosen(None) == ALL
    assert [peer.name for peer in chosen("ceiling, fastapi-1")] == ["ceiling", "fastapi-1"]
    with pytest.raises(ValueError, match="no server 'fastpi'"):
        chosen("fastpi")


def test_names_of_servers_are_unique() -> None:
    assert len({peer.name for peer in ALL}) == len(ALL)

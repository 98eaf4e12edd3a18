"""Queries give the rows that fit, and read no more than they must."""

import tracemalloc

import pyarrow as pa
import pytest

from serve_app.errors import InvalidInput, RecordsFailed, Unavailable
from serve_app.storage.records import reader
from serve_app.storage.records.compaction import Compactor
from serve_app.storage.records.deliveries import Incoming
from serve_app.storage.records.files import Files
from serve_app.storage.records.forms import common_schema
from serve_app.storage.records.reader import Query, check_query, query
from tests.unit.storage.records.conftest import NOON_S, payload, prediction_id, record

HOUR_S = 3600


@pytest.fixture
def log(files):
    """Twenty requests over four hours: half in segments, half incoming."""
    incoming = Incoming(files)
    records = [
        record(n, NOON_S + n * 720, variant=f"m@{1 + n % 2}", label=f"l{n}") for n in range(20)
    ]
    incoming.take("gw", 0, payload(records[::2]))
    Compactor(files, incoming).compact()
    incoming.take("gw", 1, payload(records[1::2]))
    failed = record(20, NOON_S, answer=None, error=Unavailable("x"), prediction_id=None)
    incoming.take("gw", 2, payload([failed, record(21, NOON_S, endpoint="other")]))
    return files


def numbers(files, **wanted):
    table = query(files, Query(columns=("request_id",), **wanted)).read_all()
    return [int(one.removeprefix("request-")) for one in table["request_id"].to_pylist()]


def test_rows_in_segments_and_incoming_are_of_one_form(log):
    table = query(log, Query("diagnosis", outcome="answered")).read_all()
    assert table.num_rows == 20
    assert table["probabilities"].to_pylist() == [[0.25, 0.75]] * 20
    assert sorted(table["variants"].to_pylist()) == [["m@1"]] * 10 + [["m@2"]] * 10
    assert table.schema.field("probabilities").type == pa.list_(pa.float64())


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, range(22)),
        ({"endpoint": "other"}, [21]),
        ({"endpoint": "nobody"}, []),
        ({"since_s": NOON_S + 18 * 720}, [18, 19]),
        ({"until_s": NOON_S + 2 * 720, "endpoint": "diagnosis"}, [0, 1, 20]),
        ({"since_s": NOON_S + 720, "until_s": NOON_S + 3 * 720}, [1, 2]),
        ({"variant": "m@2"}, range(1, 20, 2)),
        ({"variant": "m"}, []),
        ({"outcome": "unavailable"}, [20]),
        ({"prediction_id": prediction_id(NOON_S + 7 * 720, 7)}, [7]),
        ({"prediction_id": "nothing"}, []),
        ({"key": "13"}, [13]),
        ({"key": "13", "endpoint": "other"}, []),
    ],
    ids=str,
)
def test_filters_choose_the_rows_that_fit_all_of_them(log, wanted, expected):
    assert sorted(numbers(log, **wanted)) == list(expected)


def test_an_order_and_a_limit_give_the_first_of_all(log):
    wanted = {"endpoint": "diagnosis", "outcome": "answered"}
    assert numbers(log, order="oldest", **wanted) == list(range(20))
    assert numbers(log, order="newest", **wanted) == list(reversed(range(20)))
    assert numbers(log, order="newest", limit=3, **wanted) == [19, 18, 17]
    assert numbers(log, order="oldest", limit=12, **wanted) == list(range(12))
    assert len(numbers(log, limit=5)) == 5


def test_a_column_that_is_in_none_is_named_with_those_there_are(log):
    with pytest.raises(InvalidInput, match=r"no column 'feature_ag'; they have .*feature_age"):
        query(log, Query(columns=("feature_ag",)))


def test_an_empty_place_has_no_rows(files):
    assert query(files, Query()).read_all().num_rows == 0
    assert query(files, Query(columns=("key",))).read_all().column_names == ["key"]


def test_columns_of_several_types_are_one_type(files):
    incoming = Incoming(files)
    labels = ["yes", 3, 2.5, None]
    for number, label in enumerate(labels):
        incoming.take("gw", number, payload([record(number, label=label)]))
    Compactor(files, incoming).compact()
    table = query(files, Query(order="oldest")).read_all()
    assert table["value"].to_pylist() == ["yes", "3", "2.5", None]
    some = query(files, Query(since_s=NOON_S + 1, order="oldest")).read_all()
    assert some["value"].type in {pa.float64(), pa.string()}


def test_other_hours_and_endpoints_are_not_even_opened(log):
    day = "date=2026-09-21"
    wrong = [one for one in log.below(day) if "hour=14" not in one.path]
    assert wrong
    for one in wrong:
        log.write(one.path, b"damaged")
    assert numbers(log, until_s=NOON_S + 1)
    assert numbers(log, prediction_id=prediction_id(NOON_S, 0)) == [0]
    with pytest.raises(RecordsFailed):
        numbers(log)


def test_rows_come_as_a_stream_of_small_batches(files):
    incoming = Incoming(files)
    for sequence in range(20):
        many = [record(n, NOON_S + n / 1000) for n in range(sequence * 500, sequence * 500 + 500)]
        incoming.take("gw", sequence, payload(many))
    Compactor(files, incoming).compact()
    tracemalloc.start()
    rows = sum(batch.num_rows for batch in query(files, Query()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows == 10_000
    assert peak < 20_000_000


def test_a_reader_that_began_before_a_compaction_sees_every_row_once(log, monkeypatch):
    """A delivery is compacted, and merged, just after it was read as one incoming."""
    compactor = Compactor(log, Incoming(log))
    original, done = Files.names, []

    def names(self, folder):
        if folder == "" and not done:
            done.append(True)
            compactor.compact()
            compactor.merge()
        return original(self, folder)

    monkeypatch.setattr(Files, "names", names)
    assert sorted(numbers(log)) == list(range(22))
    assert done


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (Query(since_s=2.0, until_s=1.0), "not before its end"),
        (Query(limit=0), "leaves none"),
    ],
)
def test_queries_that_can_have_no_answer_are_refused(wanted, words):
    with pytest.raises(InvalidInput, match=words):
        check_query(wanted)


def test_a_file_in_place_of_a_folder_is_named(tmp_path):
    file = tmp_path / "records"
    file.write_text("x")
    with pytest.raises(RecordsFailed, match="Not a directory"):
        query(Files(str(file)), Query())
    with pytest.raises(RecordsFailed, match="names no place"):
        Files("")
    with pytest.raises(RecordsFailed, match="nowhere"):
        Files("nowhere://x")


def test_memory_has_room_for_a_log_too():
    files = Files("memory://records-of-a-test")
    incoming = Incoming(files)
    incoming.take("gw", 0, payload([record(0)]))
    Compactor(files, incoming).compact()
    assert numbers(files) == [0]
    Compactor(files, incoming).retain(NOON_S + 365 * 86_400, {})
    assert numbers(files) == []


def test_what_a_query_takes_grows_with_the_hours_and_no_faster(files, monkeypatch):
    incoming = Incoming(files)
    for hour in range(6):
        incoming.take("g", hour, payload([record(hour, NOON_S + 3600 * hour)]))
    seen = []

    def counted(schemas, *columns):
        seen.extend(schemas := list(schemas))
        return common_schema(schemas, *columns)

    monkeypatch.setattr(reader, "common_schema", counted)
    assert query(files, Query("diagnosis")).read_all().num_rows == 6
    assert len(seen) == 2 * 6

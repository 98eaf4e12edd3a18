"""Deliveries are taken whole and once, and nothing hostile is."""

import numpy as np
import pyarrow as pa
import pytest

from serve_app.errors import InvalidInput, RecordsFailed
from serve_app.storage.records.compaction import Compactor
from serve_app.storage.records.deliveries import KEPT_REFUSED, Delivery, Incoming, decode, encode
from serve_app.storage.records.files import Files
from serve_app.storage.records.reader import Query, query
from serve_app.storage.records.rows import tables_of
from tests.unit.storage.records.conftest import SETTINGS, payload, record


@pytest.fixture
def incoming(files):
    return Incoming(files)


def counts():
    return pa.table({"bin": [1, 2]}).replace_schema_metadata(
        {"kind": "counts", "endpoint": "diagnosis"}
    )


def test_a_delivery_is_taken_once_also_after_a_restart_and_after_its_compaction(files, incoming):
    content = payload([record(0), record(1)])
    assert incoming.take("gw-a.1", 7, content)
    assert not incoming.take("gw-a.1", 7, content)
    assert not Incoming(files).take("gw-a.1", 7, content)
    assert incoming.take("gw-b", 7, content)
    Compactor(files, incoming).compact()
    assert incoming.waiting() == []
    for one in (incoming, Incoming(files)):
        assert not one.take("gw-a.1", 7, content)
        assert one.take("gw-a.1", 8, content) is (one is incoming)
    # What came late is still taken.
    assert incoming.take("gw-a.1", 3, content)


def test_what_is_taken_is_there_for_queries_at_once(files, incoming):
    incoming.take("gw", 0, payload([record(0), record(1)]))
    assert query(files, Query()).read_all().num_rows == 2


def test_a_delivery_has_tables_of_records_and_counts():
    records = tables_of([record(0)], wall_minus_clock_s=0.0, settings=SETTINGS)
    both = decode(encode([*records, counts()]))
    assert [table.schema.metadata[b"kind"] for table in both] == [b"records", b"counts"]
    assert both[0].to_pylist() == records[0].to_pylist()


def test_a_payload_torn_anywhere_is_refused_set_aside_and_counted(files, incoming):
    content = payload([record(0), record(1, label=3)])
    assert len(decode(content)) == 2
    lengths = sorted({*range(0, len(content), 97), *range(len(content) - 20, len(content))})
    for number, length in enumerate(lengths):
        with pytest.raises(InvalidInput, match="a delivery of records cannot be read"):
            incoming.take("gw", number, content[:length])
    assert incoming.refused == len(lengths)
    assert incoming.waiting() == []
    assert 0 < len(files.names("refused")) <= KEPT_REFUSED
    # The gateway may send it again, whole.
    assert incoming.take("gw", 0, content)


def test_a_payload_that_ends_between_two_tables_is_torn_too(incoming):
    tables = tables_of([record(0), record(1, label=3)], wall_minus_clock_s=0.0, settings=SETTINGS)
    first = encode(tables)[: len(encode(tables[:1]))]
    with pytest.raises(InvalidInput, match="others are missing"):
        incoming.take("gw", 0, first)


def changed(name, values, kind=None):
    (table,) = tables_of([record(0)], wall_minus_clock_s=0.0, settings=SETTINGS)
    column = table.column_names.index(name)
    metadata = table.schema.metadata
    made = table.set_column(column, name, pa.array(values, kind))
    return made.replace_schema_metadata(metadata)


def marked(**metadata):
    (table,) = tables_of([record(0)], wall_minus_clock_s=0.0, settings=SETTINGS)
    changed = {name.encode(): value for name, value in metadata.items()}
    return table.replace_schema_metadata({**table.schema.metadata, **changed})


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (marked(kind="orders"), "of the kind 'orders'"),
        (marked(endpoint="../../etc"), "'../../etc' cannot name an endpoint"),
        (marked(endpoint="other"), "a row is of another endpoint"),
        (changed("at_s", [np.nan]), "no time between 1970"),
        (changed("at_s", [None], pa.float64()), "no time between 1970"),
        (changed("at_s", [-1.0]), "no time between 1970"),
        (changed("at_s", [1e300]), "no time between 1970"),
        (changed("at_s", ["noon"]), "no column 'at_s' of type double"),
        (changed("endpoint", ["other"]), "a row is of another endpoint"),
        (changed("variants", ["m@1"]), "no column 'variants'"),
        (pa.table({"a": [1]}), "of the kind ''"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_tables_that_are_no_records_are_refused(incoming, table, words):
    with pytest.raises(InvalidInput, match=words):
        incoming.take("gw", 0, encode([table]))


@pytest.mark.parametrize("content", [b"", b"\x00" * 50, b"\xff" * 50, b"PAR1" * 10, b"{}"])
def test_garbage_is_refused(incoming, content):
    with pytest.raises(InvalidInput):
        incoming.take("gw", 0, content)


def test_random_damage_is_refused_or_harmless(files, incoming):
    content = bytearray(payload([record(0), record(1)]))
    rng = np.random.default_rng(0)
    for number in range(200):
        damaged = bytearray(content)
        for place in rng.integers(0, len(damaged), 3):
            damaged[place] ^= int(rng.integers(1, 256))
        try:
            incoming.take("gw", number, bytes(damaged))
        except InvalidInput:
            continue
    Compactor(files, incoming).compact()
    for batch in query(files, Query()):
        batch.validate(full=True)


@pytest.mark.parametrize(
    ("replica", "sequence"),
    [("../gw", 0), ("", 0), ("a/b", 0), (".hidden", 0), ("a" * 200, 0), ("gw", -1), ("gw", 10**12)],
)
def test_names_that_could_lead_elsewhere_are_refused(files, incoming, replica, sequence):
    with pytest.raises(InvalidInput, match="no delivery can be of replica"):
        incoming.take(replica, sequence, payload([record(0)]))
    assert files.below("") == []
    assert incoming.refused == 1


def test_a_file_that_was_damaged_on_the_disk_is_set_aside(files, incoming):
    incoming.take("gw", 0, payload([record(0)]))
    incoming.take("gw", 1, payload([record(1)]))
    files.write(Delivery("gw", 0).path, b"torn")
    done = Compactor(files, incoming).compact()
    assert (done.deliveries, done.rows, done.damaged) == (1, 1, 1)
    assert files.names("refused") == [Delivery("gw", 0).name]
    assert query(files, Query()).read_all().num_rows == 1


def test_a_full_disk_takes_nothing_and_says_so(files, incoming, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    content = payload([record(0)])
    with monkeypatch.context() as patched:
        patched.setattr("pathlib.Path.replace", full)
        with pytest.raises(RecordsFailed, match=r"cannot use .*: No space left on device"):
            incoming.take("gw", 0, content)
    assert incoming.waiting() == []
    assert files.below("") == []
    assert incoming.take("gw", 0, content)


def test_what_a_process_that_died_was_writing_is_removed_at_the_next_start(files, incoming):
    files.write("unfinished/abc.tmp", b"half")
    Compactor(files, incoming)
    assert files.below("") == []


def test_synced_writes_are_there(tmp_path):
    files = Files(str(tmp_path), sync=True)
    assert Incoming(files).take("gw", 0, payload([record(0)]))
    assert len(Incoming(files).waiting()) == 1

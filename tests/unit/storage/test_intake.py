"""What was acknowledged is kept and counted once, wherever the process ends."""

import itertools

import numpy as np
import pytest

from serve_app.core.record_settings import RecordSettings
from serve_app.errors import InvalidInput, RegistryFailed
from serve_app.monitoring.window import Key, Series
from serve_app.monitoring.windows import Merged
from serve_app.storage.intake import Intake
from serve_app.storage.records.compaction import Compactor
from serve_app.storage.records.counts import counts_of, tables_of_counts
from serve_app.storage.records.deliveries import Incoming, encode
from serve_app.storage.records.files import Files
from serve_app.storage.records.reader import Query, query
from serve_app.storage.records.rows import tables_of
from serve_app.storage.turn import Turn
from serve_app.storage.windows import WindowStore
from tests.unit.storage.records.conftest import NOON_S, record

SERIES = Series("diagnosis", "m@1", "d" * 64)
NAMES = itertools.count()
SETTINGS = {"diagnosis": RecordSettings(key="order_id")}


def delivery(*numbers, rows=()):
    counts = {Key(SERIES, int(NOON_S), 60): np.array(numbers, dtype=np.int64)} if numbers else {}
    records = [record(number) for number in rows]
    tables = tables_of(records, wall_minus_clock_s=0.0, settings=SETTINGS) if records else []
    return encode([*tables_of_counts(counts), *tables])


class Process:
    """One life of the monitor, at a place that outlives it."""

    def __init__(self, folder):
        files = Files(str(folder / "records"))
        incoming = Incoming(files)
        self.windows = Merged(lambda: NOON_S + 10, lambda: 10.0)
        self.store = WindowStore(str(folder))
        self.steady_s = 0.0
        turn = Turn(str(folder), f"p{next(NAMES)}", steady=lambda: self.steady_s, settle_s=30.0)
        self.intake = Intake(incoming, Compactor(files, incoming), self.store, self.windows, turn)
        self.intake.restore()
        self.files = files

    @property
    def counted(self):
        windows = self.windows.windows(SERIES, 60)
        return [one.vector.tolist() for one in windows]

    @property
    def recorded(self):
        table = query(self.files, Query("diagnosis", NOON_S, NOON_S + 3600)).read_all()
        return sorted(table["key"].to_pylist()) if table.num_rows else []


@pytest.fixture
def start(tmp_path):
    """Starts the monitor anew, as after a kill."""
    return lambda: Process(tmp_path)


def test_counts_are_merged_and_rows_kept(start):
    process = start()
    assert process.intake.take("g", 1, delivery(2, 2, 0, rows=(1, 2)))
    assert process.intake.take("h", 1, delivery(3, 1, 2, rows=(3,)))
    assert process.counted == [[5, 3, 2]]
    assert process.recorded == ["1", "2", "3"]
    assert (process.intake.counts.deliveries, process.intake.counts.rows) == (2, 3)


def test_a_delivery_that_comes_again_counts_once(start):
    process = start()
    for _ in range(3):
        process.intake.take("g", 1, delivery(2, 2, 0, rows=(1,)))
    assert process.counted == [[2, 2, 0]]
    assert process.recorded == ["1"]
    assert process.intake.counts.repeated == 2


@pytest.mark.parametrize("before", [[], ["save"], ["compact"], ["save", "compact"]])
def test_whoever_starts_next_has_all_that_was_acknowledged_and_counts_it_once(start, before):
    process = start()
    process.intake.take("g", 1, delivery(2, 2, 0, rows=(1,)))
    for name in before:
        getattr(process.intake, name)()
    process.intake.take("g", 2, delivery(3, 1, 2, rows=(2,)))
    following = start()
    assert following.counted == [[5, 3, 2]]
    assert following.recorded == ["1", "2"]
    # The gateway did not hear of it, and sends it again.
    assert not following.intake.take("g", 2, delivery(3, 1, 2, rows=(2,)))
    assert not following.intake.take("g", 1, delivery(2, 2, 0, rows=(1,)))
    assert following.counted == [[5, 3, 2]]
    following.steady_s += 30
    assert following.intake.compact() == 2 - before.count("compact")
    assert start().counted == [[5, 3, 2]]
    assert start().recorded == ["1", "2"]


@pytest.mark.parametrize("late", ["save", "compact"])
def test_two_processes_at_once_count_everything_once(start, late):
    former = start()
    former.intake.take("g", 1, delivery(1, 0, 0, rows=(1,)))
    former.intake.save()
    former.intake.take("g", 2, delivery(2, 0, 0, rows=(2,)))
    following = start()
    # Both are asked, until the former one has ended.
    assert former.intake.take("g", 3, delivery(4, 0, 0, rows=(3,)))
    assert following.intake.take("h", 1, delivery(8, 0, 0, rows=(4,)))
    assert not following.intake.take("g", 3, delivery(4, 0, 0, rows=(3,)))
    assert former.intake.take("g", 4, delivery(16, 0, 0, rows=(5,)))
    following.intake.save()
    assert former.intake.take("g", 5, delivery(32, 0, 0, rows=(6,)))
    getattr(former.intake, late)()
    following.intake.save()
    assert following.counted == [[63, 0, 0]]
    assert len(former.intake._incoming.waiting()) == 6
    following.steady_s += 30
    assert following.intake.compact() == 6
    assert following.recorded == ["1", "2", "3", "4", "5", "6"]
    assert start().counted == [[63, 0, 0]]


def test_what_a_former_process_is_compacting_is_left_to_it_for_a_while(start):
    former = start()
    former.intake.take("g", 1, delivery(1, 0, 0, rows=(1,)))
    waiting = former.intake.save()
    following = start()
    assert not following.intake.may_change()
    assert following.intake.compact() == 0
    # It had begun before, and ends now.
    assert former.intake._compactor.compact(waiting).deliveries == 1
    assert not former.intake.may_change()
    # The gateway heard of nothing and sends it again, to the one or to the other.
    assert not following.intake.take("g", 1, delivery(1, 0, 0, rows=(1,)))
    following.intake.take("g", 2, delivery(2, 0, 0, rows=(2,)))
    following.steady_s += 30
    assert following.intake.may_change()
    assert following.intake.compact() == 1
    assert not following.intake.take("g", 1, delivery(1, 0, 0, rows=(1,)))
    assert following.counted == [[3, 0, 0]]
    assert following.recorded == ["1", "2"]


def test_what_a_former_process_takes_again_of_what_is_in_segments_is_there_once(start):
    former, following = start(), start()
    following.intake.take("g", 1, delivery(1, 0, 0, rows=(1,)))
    following.steady_s += 30
    assert following.intake.compact() == 1
    former.intake.take("g", 1, delivery(1, 0, 0, rows=(1,)))
    for number in range(2, 12):
        following.intake.take("g", number, delivery(rows=(number,)))
        following.intake.compact()
    following.intake._compactor.merge()
    assert following.intake._incoming.waiting() == []
    assert following.counted == [[1, 0, 0]]
    assert len(following.recorded) == 11


def test_counts_that_cannot_be_saved_keep_their_deliveries(start, monkeypatch):
    process = start()
    process.intake.take("g", 1, delivery(2, 2, 0, rows=(1,)))

    def full(*_):
        raise RegistryFailed("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(process.store, "save", full)
        with pytest.raises(RegistryFailed):
            process.intake.compact()
    assert start().counted == [[2, 2, 0]]
    # What was not saved is saved the next time.
    process.intake.compact()
    assert start().counted == [[2, 2, 0]]


def test_what_arrives_between_saving_and_compacting_is_not_compacted_unsaved(start):
    process = start()
    process.intake.take("g", 1, delivery(2, 2, 0, rows=(1,)))
    waiting = process.intake.save()
    process.intake.take("g", 2, delivery(3, 1, 2, rows=(2,)))
    Compactor(process.files, Incoming(process.files)).compact(waiting)
    assert start().counted == [[5, 3, 2]]


def test_parts_one_after_the_other_are_a_delivery(start):
    process = start()
    parts = delivery(rows=(1,)) + delivery(2, 2, 0) + delivery(rows=(2,))
    assert process.intake.take("g", 1, parts)
    assert process.counted == [[2, 2, 0]]
    assert process.recorded == ["1", "2"]


def test_what_cannot_be_read_is_refused_and_counts_nothing(start):
    process = start()
    with pytest.raises(InvalidInput):
        process.intake.take("g", 1, b"no delivery")
    assert process.counted == []
    assert process.intake.counts.deliveries == 0


@pytest.mark.parametrize("wrong", [[-1, 2], [], [None, 1]])
def test_counts_that_cannot_be_are_left_out_and_the_rows_kept(start, wrong):
    import pyarrow as pa

    table = pa.table(
        {
            "version": ["m@1"],
            "digest": ["d" * 64],
            "start_s": [int(NOON_S)],
            "counts": pa.array([wrong], pa.list_(pa.int64())),
        }
    ).replace_schema_metadata({"kind": "counts", "endpoint": "diagnosis"})
    records = tables_of([record(1)], wall_minus_clock_s=0.0, settings=SETTINGS)
    process = start()
    assert process.intake.take("g", 1, encode([table, *records]))
    assert process.counted == []
    assert process.recorded == ["1"]


def test_counts_of_another_form_than_before_are_left_out(start):
    process = start()
    process.intake.take("g", 1, delivery(2, 2, 0))
    process.intake.take("g", 2, delivery(1, 1))
    assert process.counted == [[2, 2, 0]]


def test_counts_are_read_as_they_were_written():
    counts = {
        Key(SERIES, 60, 60): np.array([1, 2**40]),
        Key(Series("other", "n@2", "e" * 64), 120, 60): np.array([0, 0, 7]),
    }
    read = {}
    for table in tables_of_counts(counts):
        read |= counts_of(table)
    assert {key: vector.tolist() for key, vector in read.items()} == {
        key: vector.tolist() for key, vector in counts.items()
    }

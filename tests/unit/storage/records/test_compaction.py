"""No row is lost or doubled, whatever happens while deliveries become segments."""

import contextlib
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from serve_app.core.record_settings import RecordSettings
from serve_app.errors import RecordsFailed
from serve_app.storage.records.compaction import CompactionLimits, Compactor
from serve_app.storage.records.deliveries import Incoming
from serve_app.storage.records.files import Files
from serve_app.storage.records.reader import Query, query
from serve_app.storage.records.segments import Segments
from tests.unit.storage.records.conftest import (
    NOON_S,
    SETTINGS,
    ids,
    payload,
    prediction_id,
    record,
)

HOUR_S, DAY_S = 3600, 86_400
FEW = CompactionLimits(deliveries=2, small_segments=1)


class Killed(BaseException):
    """The process ends here."""


class Mortal(Files):
    """Files of a process that is killed before or after its n-th change."""

    def __init__(self, url, changes, *, after):
        super().__init__(url)
        self.left, self.after = changes, after

    def _change(self, change, *arguments):
        if self.left == 0 and not self.after:
            raise Killed
        change(*arguments)
        if self.left == 0:
            raise Killed
        self.left -= 1

    def write(self, file, content, *, sync=False):
        self._change(partial(super().write, sync=sync), file, content)

    def remove(self, file):
        self._change(super().remove, file)


def hours():
    """Three deliveries over two hours and endpoints, with labels of two types."""
    for sequence in range(3):
        yield (
            sequence,
            [
                record(4 * sequence),
                record(4 * sequence + 1, at_s=NOON_S + HOUR_S + sequence),
                record(4 * sequence + 2, label=sequence),
                record(4 * sequence + 3, endpoint="other"),
            ],
        )


def filled(files):
    incoming = Incoming(files)
    expected = []
    for sequence, records in hours():
        assert incoming.take("gw", sequence, payload(records))
        expected += [one.prediction_id for one in records]
    return sorted(expected)


def there(files):
    return ids(query(files, Query(columns=("prediction_id",))).read_all())


def passes(files, times=3):
    compactor = Compactor(files, Incoming(files), limits=FEW)
    for _ in range(times):
        compactor.compact()
        compactor.merge()


def test_deliveries_become_segments_by_date_endpoint_and_hour(files):
    expected = filled(files)
    done = Compactor(files, Incoming(files)).compact()
    assert (done.deliveries, done.rows, done.damaged) == (3, 12, 0)
    assert there(files) == expected
    folders = {one.path.rpartition("/")[0] for one in files.below("")}
    assert folders == {
        "",
        "date=2026-09-21/endpoint=diagnosis/hour=14",
        "date=2026-09-21/endpoint=diagnosis/hour=15",
        "date=2026-09-21/endpoint=other/hour=14",
    }
    # Labels of two types cannot share a segment.
    assert len(files.below("date=2026-09-21/endpoint=diagnosis/hour=14")) == 2


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("changes", range(30))
def test_a_process_killed_at_any_change_loses_and_doubles_nothing(files, changes, after):
    expected = filled(files)
    mortal = Mortal(files.url, changes, after=after)
    try:
        passes(mortal)
    except Killed:
        killed = True
    else:
        killed = False
        assert changes > 15, "there was nothing to be killed at"
    assert there(files) == expected
    # While the log is as it was left, deliveries are still taken once.
    again = Incoming(files)
    assert not any(again.take("gw", sequence, payload(records)) for sequence, records in hours())
    passes(files)
    assert there(files) == expected
    assert Incoming(files).waiting() == []
    assert not any(
        Incoming(files).take("gw", sequence, payload(records)) for sequence, records in hours()
    )
    assert killed or changes > 15


@pytest.mark.parametrize("changes", range(20))
def test_a_store_that_refuses_loses_and_doubles_nothing(files, changes, monkeypatch):
    expected = filled(files)
    left = changes

    def refusing(change):
        def changed(self, *arguments, **options):
            nonlocal left
            left -= 1
            if left < 0:
                raise RecordsFailed("the log of predictions cannot use it: No space left")
            return change(self, *arguments, **options)

        return changed

    compactor = Compactor(files, Incoming(files), limits=FEW)
    with monkeypatch.context() as patched:
        patched.setattr(Files, "write", refusing(Files.write))
        patched.setattr(Files, "remove", refusing(Files.remove))
        with contextlib.suppress(RecordsFailed):
            for _ in range(3):
                compactor.compact()
                compactor.merge()
        assert there(files) == expected
    # The same process goes on once there is space again.
    for _ in range(3):
        compactor.compact()
        compactor.merge()
    assert there(files) == expected


KILLING = """
import os, signal, sys
from serve_app.storage.records.compaction import CompactionLimits, Compactor
from serve_app.storage.records.deliveries import Incoming
from serve_app.storage.records.files import Files
left = int(sys.argv[2])
def mortal(change):
    def changed(*arguments, **named):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return change(*arguments, **named)
    return changed
from pathlib import Path
Path.replace, Path.open, os.fsync = mortal(Path.replace), mortal(Path.open), mortal(os.fsync)
files = Files(sys.argv[1], sync=True)
compactor = Compactor(files, Incoming(files), limits=CompactionLimits(2, small_segments=1))
for _ in range(3):
    compactor.compact()
    compactor.merge()
"""


@pytest.mark.parametrize("changes", [0, 1, 2, 4, 7, 11])
def test_kill_9_within_a_write_loses_and_doubles_nothing(files, changes):
    expected = filled(files)
    code = [sys.executable, "-c", KILLING, files.url, str(changes)]
    assert subprocess.run(code, timeout=60, check=False).returncode == -9
    assert there(files) == expected
    passes(files)
    assert there(files) == expected
    assert files.names("unfinished") == []


def test_small_segments_of_an_hour_are_merged_and_old_ones_removed_a_pass_later(files):
    incoming = Incoming(files)
    compactor = Compactor(files, incoming, limits=CompactionLimits(small_segments=3))
    for sequence in range(10):
        incoming.take("gw", sequence, payload([record(sequence)]))
        compactor.compact()
    assert len(files.below("date=2026-09-21")) == 10
    assert compactor.merge() == 10
    assert len(files.below("date=2026-09-21")) == 11
    assert len(there(files)) == 10
    assert compactor.merge() == 0
    assert len(files.below("date=2026-09-21")) == 1
    assert len(there(files)) == 10


def test_the_number_of_files_of_an_hour_stays_bounded(files):
    incoming = Incoming(files)
    compactor = Compactor(files, incoming)
    for sequence in range(60):
        incoming.take("gw", sequence, payload([record(sequence)]))
        compactor.compact()
        compactor.merge()
        # Eight small ones, those that were just merged, and what they became.
        assert len(files.below("date=2026-09-21")) <= 2 * 8 + 2
    assert len(there(files)) == 60


def test_segments_are_sorted_by_id_so_that_statistics_prune(files):
    incoming = Incoming(files)
    incoming.take("gw", 0, payload([record(n) for n in (5, 1, 3)]))
    Compactor(files, incoming).compact()
    table = query(files, Query()).read_all()
    assert table["prediction_id"].to_pylist() == [prediction_id(NOON_S + n, n) for n in (1, 3, 5)]


def test_what_is_older_than_its_endpoint_keeps_is_removed(files):
    incoming = Incoming(files)
    for sequence, days in enumerate((0, 1, 2)):
        at_s = NOON_S + days * DAY_S
        both = [record(sequence, at_s), record(sequence, at_s, endpoint="other")]
        incoming.take("gw", sequence, payload(both))
    compactor = Compactor(files, incoming)
    compactor.compact()
    keep = {
        "diagnosis": RecordSettings(retention_days=1),
        "other": RecordSettings(retention_days=1000),
    }
    assert compactor.retain(NOON_S + 2 * DAY_S + HOUR_S, keep) > 0
    left = query(files, Query(order="oldest")).read_all()
    assert [(r["endpoint"], r["at_s"]) for r in left.select(["endpoint", "at_s"]).to_pylist()] == [
        ("other", NOON_S),
        ("other", NOON_S + DAY_S),
        ("diagnosis", NOON_S + 2 * DAY_S),
        ("other", NOON_S + 2 * DAY_S),
    ]
    assert files.names("date=2026-09-21") == ["endpoint=other"]


def test_above_a_total_the_oldest_hours_are_removed(files):
    incoming = Incoming(files)
    for sequence in range(4):
        incoming.take("gw", sequence, payload([record(sequence, NOON_S + sequence * HOUR_S)]))
    compactor = Compactor(files, incoming)
    compactor.compact()
    sizes = [one.size_bytes for one in files.below("date=2026-09-21")]
    assert compactor.retain(NOON_S, SETTINGS, sum(sizes)) == 0
    assert compactor.retain(NOON_S, SETTINGS, sum(sizes[2:])) == sum(sizes[:2])
    times = query(files, Query(columns=("at_s",), order="oldest")).read_all()["at_s"]
    assert times.to_pylist() == [NOON_S + 2 * HOUR_S, NOON_S + 3 * HOUR_S]


def test_what_is_not_ours_is_neither_read_nor_removed(files):
    filled(files)
    Compactor(files, Incoming(files)).compact()
    foreign = (
        "notes.txt",
        "date=2026-09-21/endpoint=diagnosis/hour=14/mine.parquet",
        "date=2026-09-21/endpoint=diagnosis/hour=14/s-0.parquet",
        "date=2026-09-21/readme",
        "date=2026-13-45/endpoint=diagnosis/hour=14/s-000000000000000000000000.parquet",
        "date=yesterday/x",
        "incoming/other.txt",
    )
    for path in foreign:
        files.write(path, b"keep me")
    assert len(there(files)) == 12
    compactor = Compactor(files, Incoming(files))
    compactor.compact()
    compactor.merge()
    compactor.retain(NOON_S + 1000 * DAY_S, SETTINGS, 0)
    assert there(files) == []
    assert {one.path for one in files.below("")} == {*foreign, "compacted.json"}


def test_a_damaged_segment_is_named(files):
    filled(files)
    Compactor(files, Incoming(files)).compact()
    path = files.below("date=2026-09-21")[0].path
    files.write(path, b"torn")
    with pytest.raises(RecordsFailed, match=path):
        there(files)


def test_footers_say_what_is_in_a_segment(files):
    incoming = Incoming(files)
    redacting = {"diagnosis": RecordSettings(redact=frozenset({"age"}))}
    incoming.take("gw", 0, payload([record(0), record(9)], redacting))
    Compactor(files, incoming).compact()
    segments = Segments(files)
    ((segment,),) = segments.all().values()
    footer = segments.footer(segment)
    assert (footer.rows, footer.first_s, footer.last_s) == (2, NOON_S, NOON_S + 9)
    assert footer.redacted == {"age"}
    assert footer.parts == {"gw-000000000000.arrows#0"}
    assert "feature_age" not in footer.schema.names


def test_what_deliveries_go_for_survives_a_power_cut(files, monkeypatch):
    incoming = Incoming(files)
    incoming.take("gw", 0, payload([record(0)]))
    synced = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_ino))
    assert Compactor(files, incoming).compact().deliveries == 1
    (segment,) = (one.path for one in files.below("") if one.path.endswith(".parquet"))
    for path in (segment, segment.rpartition("/")[0], "compacted.json"):
        assert Path(files.path(path)).stat().st_ino in synced

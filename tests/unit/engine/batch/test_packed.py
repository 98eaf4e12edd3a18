"""Files of text that gzip has packed: the same rows, and the same words about bad ones."""

import gzip
import json

import pandas as pd
import pytest

from serve_app.batch.inputs import places
from serve_app.batch.shards import plan
from serve_app.engine.batch.quarantined import quarantined, write_rows
from serve_app.errors import InvalidInput, TooLarge
from tests.unit.engine.batch.conftest import read, rows


def packed(path):
    """The same file beside it, packed."""
    other = path.with_name(f"{path.name}.gz")
    other.write_bytes(gzip.compress(path.read_bytes()))
    return other


@pytest.fixture
def plain(tmp_path):
    """The same rows in each kind of file."""
    table = rows()
    files = {kind: tmp_path / f"rows.{kind}" for kind in ("csv", "tsv", "jsonl")}
    table.to_csv(files["csv"], index=False)
    table.to_csv(files["tsv"], index=False, sep="\t")
    table.to_json(files["jsonl"], orient="records", lines=True)
    return files


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl"])
def test_rows_are_answered_as_those_of_the_file_itself(tree, plain, kind):
    status, first = tree.done(plain[kind], out="plain", ids=("id",))
    again, second = tree.done(packed(plain[kind]), out="packed", ids=("id",))
    assert (status.state, again.state) == ("SUCCEEDED", "SUCCEEDED")
    assert len(list(second.glob("part-*"))) > 1
    answered = read(second)
    assert set(answered.pop("_file")) == {f"{plain[kind]}.gz"}
    pd.testing.assert_frame_equal(read(first).drop(columns="_file"), answered)


def test_bad_rows_stand_where_they_stand_in_the_file_itself(tree, bad_file, tmp_path):
    wanted = {"max_bad_ratio": 1.0, "out": "plain"}
    tree.done(bad_file, **wanted)
    name = tree.submitted(packed(bad_file), **{**wanted, "out": "packed"})
    assert tree.run(name).state == "SUCCEEDED_WITH_ERRORS"
    first, second = (list(quarantined(str(tmp_path / out))) for out in ("plain", "packed"))
    assert [row["row"] for row in second] == [3, 11, 12, 25]
    assert {row.pop("file") for row in second} == {f"{bad_file}.gz"}
    assert second == [{key: row[key] for key in row if key != "file"} for row in first]
    assert write_rows(tree.ledger.job(name), tmp_path / "mend") == {"00000-bad.csv": 4}
    mended = (tmp_path / "mend" / "00000-bad.csv").read_bytes()
    lines = bad_file.read_bytes()
    assert mended.startswith(b"id,note,age,dose\n")
    assert all(lines[row["byte_offset"] :].startswith(row["raw"].encode()) for row in second)


def test_a_packed_file_has_few_shards_since_each_unpacks_all_before_it(tmp_path):
    path = tmp_path / "many.jsonl.gz"
    lines = [json.dumps({"row": row}) + "\n" for row in range(1_000)]
    path.write_bytes(gzip.compress("".join(lines[:600]).encode()))
    with path.open("ab") as file:  # as files that were put one behind the other
        file.write(gzip.compress("".join(lines[600:]).encode()))
    cut = plan(places([str(path)]), 10)
    assert cut.rows == sum(one.rows for one in cut.shards) == 1_000
    assert len(cut.shards) == 15
    assert [one.first_row for one in cut.shards] == list(range(0, 1_000, 70))


@pytest.mark.parametrize(
    "content",
    [b"id,age\n1,2\n", gzip.compress(b"id,age\n1,2\n" * 99)[:-12], b"\x1f\x8b\x08"],
    ids=["text", "half", "beginning"],
)
def test_what_is_no_gzip_or_only_half_of_it_is_refused(tmp_path, content):
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"rows\.csv\.gz cannot be unpacked as gzip: "):
        plan(places([str(path)]), 10)


def test_what_unpacks_to_more_than_may_be_sent_is_refused_before_it_is_read(tmp_path):
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        (tmp_path / name).write_bytes(gzip.compress(b'{"age": 1}\n' * 200_000))
    both = places([str(tmp_path)])
    assert plan(both, 50_000, most_bytes=5 << 20).rows == 400_000
    with pytest.raises(TooLarge, match=r"b\.jsonl\.gz unpacks to more than is left of the"):
        plan(both, 50_000, most_bytes=3 << 20)


def test_a_file_that_is_packed_otherwise_is_refused_with_what_is_read(tmp_path):
    for name in ("rows.parquet.gz", "rows.csv.bz2", "rows.gz"):
        (tmp_path / name).write_bytes(b"rows")
        with pytest.raises(InvalidInput, match=r"those of text packed by gzip \(\.gz\)"):
            places([str(tmp_path / name)])

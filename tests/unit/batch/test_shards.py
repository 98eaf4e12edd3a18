"""Files are cut into shards that hold every row once."""

import csv
import hashlib
import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.batch import csv_records
from serve_app.batch.inputs import InputChanged, check_unchanged, opened, places
from serve_app.batch.shards import plan, records_of
from serve_app.errors import InvalidInput

CELLS = st.text(alphabet='ab,"\n ü', max_size=6)


def cut(path, shard_rows):
    return plan(places([str(path)]), shard_rows)


def rows_of(made):
    """All rows of all shards, as they are read one shard after the other."""
    (one,) = made.inputs
    rows = []
    with opened(one.path) as file:
        for shard in made.shards:
            read = [record.content for record in records_of(file, one, shard.start, shard.stop)]
            assert (len(read), len(rows)) == (shard.rows, shard.first_row)
            rows += read
    return rows


@given(st.lists(st.tuples(CELLS, CELLS), max_size=12), st.integers(1, 5), st.booleans())
def test_csv_is_cut_between_records(tmp_path_factory, rows, shard_rows, marked):
    path = tmp_path_factory.mktemp("csv") / "rows.csv"
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([("first", "second"), *rows])
    path.write_bytes(text.getvalue().encode("utf-8-sig" if marked else "utf-8"))
    made = cut(path, shard_rows)
    assert [csv_records.cells(one) for one in rows_of(made)] == list(map(list, rows))
    assert made.rows == len(rows)
    assert made.inputs[0].columns == ("first", "second")
    assert made.inputs[0].sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert all(shard.rows <= shard_rows for shard in made.shards)


@given(st.lists(st.sampled_from(["", "  ", '{"a":1}', '{"a":"ü"}']), max_size=12))
def test_json_lines_are_cut_between_lines(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("lines") / "rows.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    read = [json.loads(one) for one in rows_of(cut(path, 3))]
    assert read == [json.loads(line) for line in lines if line.strip()]


@pytest.mark.parametrize(
    ("shard_rows", "sizes"), [(25, [40, 40, 20]), (20, [20] * 5), (999, [100])]
)
def test_parquet_is_cut_between_row_groups(tmp_path, shard_rows, sizes):
    pq.write_table(pa.table({"a": np.arange(100)}), tmp_path / "a.parquet", row_group_size=20)
    made = cut(tmp_path / "a.parquet", shard_rows)
    assert [shard.rows for shard in made.shards] == sizes
    read = pq.ParquetFile(tmp_path / "a.parquet")
    for shard in made.shards:
        groups = read.read_row_groups(range(shard.start, shard.stop))["a"].to_pylist()
        assert groups == list(range(shard.first_row, shard.first_row + shard.rows))


def test_folders_hold_what_does_not_begin_with_an_underscore(tmp_path):
    for name in ("b.csv", "a.csv", "_c.csv", ".d.csv", "e.txt", "in/f.csv", "_tmp/g.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a\n1\n")
    names = [one.path.removeprefix(f"{tmp_path}/") for one in places([str(tmp_path)])]
    assert names == ["a.csv", "b.csv", "in/f.csv"]
    (one,) = places([f"{tmp_path}/a.*", f"{tmp_path}/a.csv"])
    assert one.path == f"{tmp_path}/a.csv"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("gone.csv", None, "no such file"),
        ("rows.xlsx", b"", "of no kind"),
        ("rows.csv", b"", "is empty"),
        ("rows.csv", b"a,a\n1,2\n", "names 'a' twice"),
        ("rows.csv", b'"a,b\n1,2\n', "header cannot be read"),
        ("rows.parquet", b"nothing", "as Parquet"),
    ],
)
def test_a_file_that_holds_no_rows_says_why(tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput, match=words):
        cut(tmp_path / name, 10)


def test_a_file_that_is_written_again_alike_is_unchanged(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a\n1\n")
    (one,) = cut(path, 10).inputs
    path.write_text("a\n1\n")
    check_unchanged(one)
    path.write_text("a\n2\n")
    with pytest.raises(InputChanged, match="another than it was"):
        check_unchanged(one)
    path.unlink()
    with pytest.raises(InputChanged, match="is gone"):
        check_unchanged(one)


def test_output_within_the_input_is_no_input(tmp_path):
    (tmp_path / "out").mkdir()
    for name in ("rows[1].csv", "out/part-00000.csv"):
        (tmp_path / name).write_text("a\n1\n")
    (one,) = places([str(tmp_path)], str(tmp_path / "out"))
    assert one.path == str(tmp_path / "rows[1].csv")
    assert places([one.path]) == [one]
    with pytest.raises(InvalidInput, match="nothing to read but what"):
        places([str(tmp_path / "out")], str(tmp_path / "out"))

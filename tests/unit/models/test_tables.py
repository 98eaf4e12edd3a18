"""Files become the frames that training had, or a question; never a guess in silence."""

import datetime as dt
import gzip
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from serve_app.errors import InvalidInput
from serve_app.models.declared import declared
from serve_app.models.tables import GAPS, Reading, read_table


@pytest.fixture
def table(tmp_path):
    """What is read of a text, with declared types and words for gaps."""

    def read(text, *dtypes, na=None, name="train.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_table(path, Reading(declared(dtypes), na))

    return read


def test_a_column_that_nobody_declared_is_what_pandas_reads(table, tmp_path):
    text = 'n,x,b,word,gaps\n1,1.25,True,"a, b",\n-2,,False, c ,3\n'
    read = table(text)
    pd.testing.assert_frame_equal(read.frame, pd.read_csv(tmp_path / "train.csv"))
    assert read.notices == ()


def test_a_column_declared_as_text_keeps_every_character(table):
    text = "zip,land,x\n00501,NA,1\n00010,None,2\n, nan ,3\n"
    frame = table(text, "zip=string,land=string").frame
    assert frame["zip"].tolist()[:2] == ["00501", "00010"]
    assert frame["zip"].isna().tolist() == [False, False, True]
    assert frame["land"].tolist() == ["NA", "None", " nan "]
    as_pandas = pd.Series(["a"]).dtype
    assert frame["land"].dtype == as_pandas
    assert frame["x"].dtype == "int64"


@pytest.mark.parametrize("value", ["00501", "-007", " 01"])
@pytest.mark.parametrize("other", ["12", "1.5", ""])
def test_leading_zeros_that_nobody_declared_are_asked_about(table, value, other):
    with pytest.raises(InvalidInput, match=r"column 'zip' looks like text: .*--dtypes zip=string"):
        table(f"zip,x\n{other},1\n{value},1\n")
    assert table(f"zip,x\n12,1\n{value},1\n", "zip=int64").frame["zip"].tolist() == [12, int(value)]


@pytest.mark.parametrize(
    "text", ["0,x\n0.5,a\n0,b\n", "0,x\n0e1,a\n+0,b\n", "0,x\n0x1,a\n007a,b\n"]
)
def test_numbers_that_begin_with_a_zero_and_words_are_no_question(table, text, tmp_path):
    pd.testing.assert_frame_equal(table(text).frame, pd.read_csv(tmp_path / "train.csv"))


def test_whole_numbers_that_gaps_would_change_are_asked_about(table):
    text = f"id,x\n{2**53 + 1},1\n,1\n"
    with pytest.raises(InvalidInput, match=rf"column 'id'.*{2**53 + 1} in row 0.*id=Int64"):
        table(text)
    assert table(text, "id=Int64").frame["id"].tolist() == [2**53 + 1, pd.NA]
    assert table(text, "id=string").frame["id"].tolist()[0] == str(2**53 + 1)
    assert table(f"id,x\n{2**53},1\n,1\n").frame["id"].dtype == "float64"


def test_words_taken_for_gaps_in_text_are_told_of(table):
    read = table("land,x\nNA,NA\nDE,1\nNA,2\n,3\n")
    assert read.frame["land"].isna().tolist() == [True, False, True, True]
    (notice,) = read.notices
    assert "'land'" in notice
    assert "'NA' (2 times)" in notice
    assert "--dtypes land=string" in notice


def test_the_words_that_are_gaps_can_be_named(table):
    text = "land,x\nNA,1\n-,-\n,3\n"
    read = table(text, na=("-",))
    assert read.frame["land"].isna().tolist() == [False, True, False]
    assert read.frame["land"].tolist()[2] == ""
    assert read.frame["x"].isna().tolist() == [False, True, False]
    assert read.notices == ()
    only_empty = table("land,x\nNA,1\n,2\n", "land=string", na=("",)).frame
    assert only_empty["land"].isna().tolist() == [False, True]
    with pytest.raises(InvalidInput, match="row 1, column 'x': 'NA' is not a number"):
        table("x,y\n1,1\nNA,1\n", "x=float64", na=("",))


def test_the_words_that_are_gaps_are_those_of_pandas(table):
    text = "".join(f'"{word}",1\n' for word in GAPS)
    assert table(f"land,x\n{text}").frame["land"].isna().all()


def test_moments_and_decimals_are_read_exactly(table):
    text = (
        "when,seen,day,price\n2024-05-01 12:00,2024-05-01T12:00:00.5+02:00,2024-05-01,12.50\n,,,\n"
    )
    frame = table(
        text, "when=datetime,seen=datetime64[us, Europe/Berlin],day=date,price=decimal"
    ).frame
    assert frame["when"].tolist()[0] == pd.Timestamp("2024-05-01T12:00")
    assert frame["when"].dtype == pd.to_datetime(["2024-05-01 12:00"]).dtype
    assert str(frame["seen"].dtype) == "datetime64[us, Europe/Berlin]"
    assert frame["seen"].tolist()[0] == pd.Timestamp("2024-05-01T10:00:00.5Z")
    assert frame["day"].tolist() == [dt.date(2024, 5, 1), None]
    assert str(frame["price"].tolist()[0]) == "12.50"
    assert frame.isna().sum().tolist() == [1, 1, 1, 1]


def test_moments_with_one_offset_have_a_zone(table):
    frame = table("when,x\n2024-05-01T12:00Z,1\n2024-05-02T12:00Z,1\n", "when=datetime").frame
    assert frame["when"].dt.tz is not None
    assert frame["when"].tolist()[0] == pd.Timestamp("2024-05-01T12:00Z")


def test_categories_keep_the_type_of_their_values_and_their_order(table, tmp_path):
    text = "store,size,code\n30,low,01\n10,high,02\n20,mid,01\n"
    types = tmp_path / "types.yaml"
    types.write_text(
        "dtypes:\n  store: category\n  code: category[string]\n"
        "  size: {type: category, categories: [low, mid, high, huge], ordered: true}\n"
    )
    frame = table(text, str(types)).frame
    assert frame["store"].cat.categories.tolist() == [10, 20, 30]
    assert frame["store"].cat.categories.dtype == "int64"
    assert frame["code"].cat.categories.tolist() == ["01", "02"]
    assert frame["size"].cat.categories.tolist() == ["low", "mid", "high", "huge"]
    assert frame["size"].cat.ordered
    assert frame["size"].cat.codes.tolist() == [0, 2, 1]


@pytest.mark.parametrize(
    ("word", "value", "expected"),
    [
        ("int64", "1.5", "a value of the type int64"),
        ("int64", "x", "a number"),
        ("int8", "300", "a value of the type int8"),
        ("uint8", "-1", "a value of the type uint8"),
        ("Int64", "1.5", "a value of the type Int64"),
        ("float64", "1,5", "a number"),
        ("bool", "ja", "true or false"),
        ("datetime", "05/01/2024", "an ISO 8601 date"),
        ("datetime", "2024-02-30", "an ISO 8601 date"),
        ("datetime64[us, UTC]", "2024-05-01T12:00", "with its offset"),
        ("date", "2024-05-01T12:00", "without a time of day"),
        ("decimal", "cheap", "a number"),
    ],
)
def test_a_value_that_is_not_of_its_type_is_named_by_row_and_column(table, word, value, expected):
    good = {"b": "true", "d": "2024-05-01"}.get(word[0], "1")
    if word.startswith("datetime64"):
        good = "2024-05-01T12:00Z"
    if word == "decimal":
        good = "1"
    text = f'x,y\n{good},1\n"{value}",1\n'
    with pytest.raises(InvalidInput, match="row 1, column 'x'") as refused:
        table(text, f"x={word}")
    assert expected in str(refused.value)
    assert repr(value) in str(refused.value) or value in str(refused.value)


@pytest.mark.parametrize(
    ("word", "values"),
    [
        ("float32", [0.1, 2.5]),
        ("int8", [1, -2]),
        ("Int64", [1, 2**60 + 1]),
        ("Float64", [0.5, 1.5]),
        ("boolean", [True, False]),
        ("bool", [True, False]),
        ("int64[pyarrow]", [1, 2**60 + 1]),
        ("string[pyarrow]", ["a", "NA"]),
        ("string[python]", ["a", "NA"]),
        ("object", ["a", "007"]),
        ("str", ["a", "007"]),
        ("datetime64[ns]", ["2024-05-01", "2024-05-02"]),
    ],
)
def test_every_name_of_pandas_can_be_declared(table, word, values):
    text = "x,y\n" + "".join(f"{value},1\n" for value in values)
    found = table(text, f"x={word}").frame["x"]
    pd.testing.assert_series_equal(found, pd.Series(values, name="x").astype(found.dtype))
    assert str(found.dtype) in {word, word.partition("[p")[0]}


def test_a_gap_where_the_type_has_none_is_told_with_the_type_that_has_some(table):
    with pytest.raises(InvalidInput, match=r"row 1, column 'n' is empty.*n=Int64"):
        table("n,x\n1,1\n,1\n", "n=int64")
    assert table("n,x\n1,1\n,1\n", "n=Int64").frame["n"].tolist() == [1, pd.NA]
    assert table("n,x\ntrue,1\nNA,1\n", "n=boolean").frame["n"].tolist() == [True, pd.NA]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["zipp=string"], "no column 'zipp'; it has 'zip', 'x'"),
        (["zip=strng"], "no type 'strng'; known are string, category, datetime"),
        (["zip"], "neither column=type nor a .yaml or .json file"),
        (["none.yaml"], "none.yaml cannot be read"),
        (["zip=timedelta64[ns]"], "cannot be served"),
        (["zip=period[M]"], "cannot be served"),
    ],
)
def test_a_declaration_that_is_wrong_is_told(table, given, said):
    with pytest.raises(InvalidInput) as refused:
        table("zip,x\n1,2\n", *given)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("[1]", "no mapping"),
        ("a: [1]", "a type is a word"),
        ("a: {type: string, categories: [x]}", "goes with the type category"),
        ("a: {type: category, ordered: true}", "needs its 'categories'"),
        ("a: {kind: category}", "has the keys categories, ordered, type"),
        ("{", "cannot be read"),
    ],
)
def test_a_file_of_declarations_that_is_wrong_is_told(tmp_path, body, said):
    path = tmp_path / "types.yaml"
    path.write_text(body)
    with pytest.raises(InvalidInput, match=said):
        declared([str(path)])


def test_declarations_may_stand_in_json_and_what_comes_later_wins(tmp_path):
    path = tmp_path / "types.json"
    path.write_text('{"dtypes": {"a": "string", "b, c": "decimal128(10, 2)[pyarrow]"}}')
    found = declared([str(path), "a=category,z=datetime64[ns, UTC]"])
    assert {name: one.word for name, one in found.items()} == {
        "a": "category",
        "b, c": "decimal128(10, 2)[pyarrow]",
        "z": "datetime64[ns, UTC]",
    }


def test_a_category_that_was_not_listed_is_named(tmp_path, table):
    types = tmp_path / "types.yaml"
    types.write_text("size: {type: category, categories: [low, high]}")
    with pytest.raises(InvalidInput, match="row 1, column 'size': 'mid' is not one of"):
        table("size,x\nlow,1\nmid,1\n", str(types))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,a\n1,2\n", "two columns are named 'a'"),
        ("a,b\n1,2,3\n4,5,6\n", "cannot be read"),
        ("", "cannot be read"),
        ("a,b\n1,2\n1,2,3\n", "cannot be read"),
        (b"a,b\n\xff,2\n", "cannot be read"),
    ],
)
def test_a_file_that_is_no_table_is_refused(table, text, said):
    with pytest.raises(InvalidInput, match=said):
        table(text)


@pytest.mark.parametrize("name", [" a", "a ", "a[0]", "a.b", "\U0001f600", "a,b", 'a"b', "0"])
def test_names_of_columns_stay_as_they_are(table, name, tmp_path):
    frame = pd.DataFrame({name: [1.5, 2.5], "x": [1, 2]})
    text = frame.to_csv(index=False)
    assert table(text).frame.columns.tolist() == [name, "x"]
    assert table("\ufeff" + text).frame.columns.tolist() == [name, "x"]


def test_tabs_and_compressed_files_are_read(table):
    assert table("a\tb,c\n1\t2\n", name="train.tsv").frame.columns.tolist() == ["a", "b,c"]
    packed = gzip.compress(b"a,b\n1,2\n")
    assert table(packed, name="train.csv.gz").frame.columns.tolist() == ["a", "b"]


KEPT = pd.DataFrame(
    {
        "store": pd.Categorical([30, 10, 20]),
        "size": pd.Categorical.from_codes([1, 0, 2], ["low", "high", "mid"], ordered=True),
        "when": pd.to_datetime(["2024-05-01", None, "2024-05-03"]),
        "seen": pd.to_datetime(["2024-05-01"] * 3).tz_localize("Europe/Berlin"),
        "price": pd.Series([Decimal("1.50"), None, Decimal("2.25")], dtype=object),
        "day": pd.Series([dt.date(2024, 5, 1)] * 3, dtype=object),
        "n": pd.array([1, None, 3], dtype="Int64"),
        "zip": ["007", "NA", ""],
        "count": pd.array([1, None, 3], dtype="int64[pyarrow]"),
    }
)


@pytest.mark.parametrize("suffix", ["parquet", "feather"])
def test_parquet_and_feather_give_the_frame_that_was_written(tmp_path, suffix):
    path = tmp_path / f"train.{suffix}"
    getattr(KEPT, f"to_{suffix}")(path)
    read = read_table(path)
    pd.testing.assert_frame_equal(read.frame, KEPT)
    if suffix == "parquet":
        (notice,) = read.notices
        assert "column 'store': Parquet kept no list of its categories" in notice
        assert "10, 20, 30" in notice


@pytest.mark.parametrize(
    "series",
    [
        pd.Series(pd.Categorical([30, 10], categories=[10, 20, 30])),
        pd.Series(pd.Categorical([30, 10], categories=[30, 10], ordered=True)),
    ],
)
def test_categories_of_numbers_that_parquet_lost_are_asked_for(tmp_path, series):
    path = tmp_path / "train.parquet"
    series.to_frame("store").to_parquet(path)
    with pytest.raises(InvalidInput, match=r"'store' had . categories, of which Parquet kept no"):
        read_table(path)
    types = tmp_path / "types.yaml"
    categories = series.cat.categories.tolist()
    ordered = str(series.cat.ordered).lower()
    types.write_text(f"store: {{categories: {categories}, ordered: {ordered}}}")
    read = read_table(path, Reading(declared([str(types)])))
    pd.testing.assert_series_equal(read.frame["store"], series, check_names=False)


def test_parquet_that_pandas_did_not_write_keeps_its_types(tmp_path):
    path = tmp_path / "train.parquet"
    pq.write_table(
        pa.table(
            {
                "word": pa.array(["b", "a", None]).dictionary_encode(),
                "when": pa.array([1, 2, None], pa.timestamp("ms", "UTC")),
                "price": pa.array([Decimal("1.50"), None, Decimal("2.25")]),
            }
        ),
        path,
    )
    frame = read_table(path).frame
    assert frame["word"].cat.categories.tolist() == ["b", "a"]
    assert str(frame["when"].dtype) == "datetime64[ms, UTC]"
    assert frame["price"].tolist() == [Decimal("1.50"), None, Decimal("2.25")]


def test_declared_types_hold_for_parquet_too(tmp_path):
    path = tmp_path / "train.parquet"
    pd.DataFrame({"store": [10, 20], "when": ["2024-05-01", "2024-05-02"]}).to_parquet(path)
    reading = Reading(declared(["store=category,when=datetime"]))
    frame = read_table(path, reading).frame
    assert frame["store"].cat.categories.tolist() == [10, 20]
    assert frame["when"].tolist()[0] == pd.Timestamp("2024-05-01")


def test_the_index_of_a_file_is_no_column(tmp_path):
    path = tmp_path / "train.parquet"
    frame = pd.DataFrame({"store": [10, 20]}, index=["p", "q"])
    frame.to_parquet(path)
    read = read_table(path, Reading(declared(["store=float64"]))).frame
    assert read.columns.tolist() == ["store"]
    assert read["store"].tolist() == [10.0, 20.0]


def test_many_rows_are_read_as_one(table):
    # pandas guesses chunk by chunk where memory is low.
    rows = [str(row) for row in range(300_000)] + ["word"]
    found = table("x\n" + "\n".join(rows)).frame["x"]
    assert {type(value) for value in found} == {str}
    assert np.array_equal(found.to_numpy()[:3].astype(int), [0, 1, 2])

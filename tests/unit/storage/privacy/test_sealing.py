"""Rows whose values stand encrypted under the keys of their subjects."""

import datetime as dt
import hashlib
import hmac
import json
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from serve_app.security.subjects import SubjectSecret
from serve_app.storage.records.whose import GIVEN_SUBJECT, GIVEN_TENANT, without_values
from tests.unit.storage.privacy.conftest import SECRET, keeping_in

NOON_S = 1_790_000_000.0


def table_of(subjects, columns, tenants=None, at_s=NOON_S):
    """A table of records as a gateway sends it."""
    rows = len(subjects)
    return pa.table(
        {
            "prediction_id": [f"p-{n}" for n in range(rows)],
            "row": pa.array(range(rows), pa.int32()),
            "at_s": [at_s] * rows,
            "endpoint": ["risk"] * rows,
            "key": pa.array([f"k-{n}" for n in range(rows)]),
            GIVEN_SUBJECT: pa.array(subjects, pa.string()),
            GIVEN_TENANT: pa.array(tenants or [""] * rows),
            "features_kept": [True] * rows,
            **columns,
        }
    ).replace_schema_metadata({"kind": "records", "endpoint": "risk"})


def opened(rows, table):
    (batch,) = table.combine_chunks().to_batches()
    return pa.Table.from_batches([rows.opened(batch)])


CELLS = {
    "feature_age": (pa.float64(), st.floats()),
    "feature_count": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "feature_name": (pa.string(), st.text(st.characters(exclude_categories=["Cs"]))),
    "feature_flag": (pa.bool_(), st.booleans()),
    "feature_day": (pa.date32(), st.dates()),
    "feature_at": (pa.timestamp("us"), st.datetimes()),
    "feature_wait": (
        pa.duration("ms"),
        st.timedeltas().map(lambda one: one // dt.timedelta(milliseconds=1)),
    ),
    "feature_sum": (pa.decimal128(20, 3), st.decimals(-(10**9), 10**9, places=3)),
    "feature_raw": (pa.binary(), st.binary()),
    "feature_many": (pa.list_(pa.float64()), st.lists(st.floats(allow_nan=False))),
    "value": (pa.string(), st.sampled_from(["ill", "well"])),
    "probabilities": (pa.list_(pa.float64()), st.lists(st.floats(0, 1), min_size=2, max_size=2)),
    "shadows": (
        pa.list_(pa.struct([("variant", pa.string()), ("value", pa.int64())])),
        st.lists(st.fixed_dictionaries({"variant": st.text("ab"), "value": st.integers(0, 9)})),
    ),
}


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 4))
def test_what_was_encrypted_is_read_as_it_was_whatever_its_type(data, rows):
    columns = {
        name: pa.array(data.draw(st.lists(st.none() | cells, min_size=rows, max_size=rows)), kind)
        for name, (kind, cells) in CELLS.items()
    }
    subjects = data.draw(st.lists(st.sampled_from(["ada", "ben"]), min_size=rows, max_size=rows))
    with tempfile.TemporaryDirectory() as folder:
        keeping = keeping_in(Path(folder))
        (kept,) = keeping.rows.sealed([table_of(subjects, columns)])
        read = opened(keeping.rows, kept)
    for name, column in columns.items():
        assert kept[name].null_count == rows
        assert kept[name].type == column.type
        assert repr(read[name].to_pylist()) == repr(column.to_pylist())
    assert kept["features_kept"].to_pylist() == [False] * rows
    assert read["features_kept"].to_pylist() == [True] * rows


def test_the_pseudonym_is_an_hmac_under_the_pepper_of_the_tenant(keeping):
    (kept,) = keeping.rows.sealed([table_of(["ada", "ada"], {}, ["north", "south"])])
    master = hmac.new(b"serve-app privacy", SECRET.encode(), hashlib.sha256).digest()
    expected = []
    for tenant in (b"north", b"south"):
        pepper = hmac.new(master, b"pepper of a tenant\0" + tenant, hashlib.sha256).digest()
        expected.append(hmac.new(pepper, b"ada", hashlib.sha256).hexdigest())
    assert kept["subject"].to_pylist() == expected
    assert expected[0] != expected[1]


def test_values_are_encrypted_by_aes_256_in_gcm_bound_to_their_row(keeping):
    (kept,) = keeping.rows.sealed([table_of(["ada"], {"feature_age": [41.5]})])
    (row,) = kept.to_pylist()
    key = keeping.keys.known([row["subject"]])[row["subject"]]
    nonce, body, tag = row["sealed"][:12], row["sealed"][12:-16], row["sealed"][-16:]
    decryptor = Cipher(algorithms.AES256(key), modes.GCM(nonce, tag)).decryptor()
    decryptor.authenticate_additional_data(f"risk\0p-0\x000\0{row['subject']}".encode())
    plain = json.loads(decryptor.update(body) + decryptor.finalize())
    assert plain == {"feature_age": 41.5, "features_kept": True}


def test_nothing_that_names_or_describes_a_subject_stands_in_what_is_kept(keeping):
    columns = {"feature_plan": ["platinum"], "value": ["ill"], "segments": ['{"town": "Ulm"}']}
    (kept,) = keeping.rows.sealed([table_of(["ada.lovelace"], columns)])
    assert not {GIVEN_SUBJECT, GIVEN_TENANT} & set(kept.column_names)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, kept.schema) as writer:
        writer.write_table(kept)
    content = sink.getvalue().to_pybytes()
    for text in (b"ada.lovelace", b"platinum", b"ill", b"Ulm", b"k-0"):
        assert text not in content


def test_rows_that_name_nobody_have_no_values(keeping):
    (kept,) = keeping.rows.sealed([table_of([None, "ada"], {"feature_age": [30.0, 40.0]})])
    assert opened(keeping.rows, kept)["feature_age"].to_pylist() == [None, 40.0]
    assert kept["subject"].to_pylist()[0] is None


def test_a_row_in_the_place_of_another_is_not_opened(keeping, caplog):
    (kept,) = keeping.rows.sealed([table_of(["ada", "ada"], {"feature_age": [30.0, 40.0]})])
    at = kept.column_names.index("sealed")
    exchanged = pa.array(kept["sealed"].to_pylist()[::-1], pa.binary())
    moved = opened(keeping.rows, kept.set_column(at, "sealed", exchanged))
    assert moved["feature_age"].to_pylist() == [None, None]
    assert "the values of a row cannot be read" in caplog.text


def test_after_an_erasure_others_are_read_and_what_is_on_its_way_is_not_kept(keeping):
    tables = [table_of(["ada", "ben"], {"feature_age": [30.0, 40.0]})]
    (kept,) = keeping.rows.sealed(tables)
    keeping.keys.erase(keeping.rows.subject_of("", "ada"), NOON_S + 10)
    assert opened(keeping.rows, kept)["feature_age"].to_pylist() == [None, 40.0]
    (late,) = keeping.rows.sealed(tables)
    assert opened(keeping.rows, late)["feature_age"].to_pylist() == [None, 40.0]
    (new,) = keeping.rows.sealed([table_of(["ada"], {"feature_age": [31.0]}, at_s=NOON_S + 11)])
    assert opened(keeping.rows, new)["feature_age"].to_pylist() == [31.0]


def test_without_a_secret_nothing_of_subjects_is_kept():
    kept = without_values(table_of(["ada"], {"feature_age": [30.0], "value": ["ill"]}))
    (row,) = kept.to_pylist()
    assert row == {
        "prediction_id": "p-0", "row": 0, "at_s": NOON_S, "endpoint": "risk", "key": None,
        "features_kept": False, "feature_age": None, "value": None,
    }  # fmt: skip


def test_tables_of_other_endpoints_stay_as_they_are(keeping):
    plain = pa.table({"prediction_id": ["p"], "feature_age": [1.0]})
    assert keeping.rows.sealed([plain]) == [plain]


@pytest.mark.parametrize("value", [{"$decimal": "no number"}, {"$text": "x"}, {"$other": 1}])
def test_what_looks_like_a_note_of_ours_is_what_it_was(keeping, value):
    kind = pa.struct([(name, pa.array([one]).type) for name, one in value.items()])
    column = pa.array([value], kind)
    (kept,) = keeping.rows.sealed([table_of(["ada"], {"feature_odd": column})])
    assert opened(keeping.rows, kept)["feature_odd"].to_pylist() == [value]


def test_a_secret_derives_the_same_everywhere():
    one, other = SubjectSecret(SECRET), SubjectSecret(SECRET)
    assert one.subject_of("t", "s") == other.subject_of("t", "s")
    assert one.key_of("risk", "k") != one.key_of("churn", "k")
    assert one.unwrapped(other.wrapped(b"k" * 32, "s"), "s") == b"k" * 32

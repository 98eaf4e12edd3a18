"""Arrow's streams: whatever is in a table comes through, and strangers' bytes do no harm."""

import datetime as dt
import io
import json
import struct
import time
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.messages import Answer, Payload, Prediction, Request, Response
from serve_app.core.signature import Column
from serve_app.errors import BadEncoding, InvalidInput, TooLarge
from serve_app.protocols.by_type import ByType
from serve_app.protocols.dialect import Call
from serve_app.protocols.dialects import arrow, kserve_v1, native

COLUMNS = (Column("age", "int64"), Column("dose", "float64"), Column("sex", "string"))
NAMES = tuple(column.name for column in COLUMNS)


def stream(table, **options):
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue()


def decode(body, max_rows=100):
    headers = {"content-type": arrow.MEDIA_TYPE}
    return arrow.DIALECT.decode(Call(body, NAMES, max_rows, headers, COLUMNS))


def encode(values, probabilities=None, labels=()):
    request = Request("risk", Payload({}, len(values)), "r-1")
    answer = Answer(Prediction(values, probabilities), ("m@1",))
    return arrow.DIALECT.encode(Response(request, "p-1", 7, answer, labels))


def listed(payload):
    return {name: list(values) for name, values in payload.columns.items()}


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "age": st.none() | st.integers(-(2**63), 2**63 - 1),
            "dose": st.none() | st.floats(allow_nan=False),
            "sex": st.none() | st.text(st.characters(exclude_categories=["Cs"])),
            "well": st.none() | st.booleans(),
        }
    ),
    min_size=1,
)
TYPES = {"age": pa.int64(), "dose": pa.float64(), "sex": pa.string(), "well": pa.bool_()}


@given(ROWS, st.booleans())
def test_every_value_comes_through(rows, coded):
    types = {**TYPES, "sex": pa.dictionary(pa.int32(), pa.string())} if coded else TYPES
    table = pa.Table.from_pylist(rows, schema=pa.schema(types.items()))
    payload = decode(stream(table))
    assert payload.rows == len(rows)
    assert listed(payload) == {name: [row[name] for row in rows] for name in TYPES}


@pytest.mark.parametrize("dtype", ["int8", "uint64", "float16", "float32"])
def test_numbers_of_every_width_come_through(dtype):
    table = pa.table({"age": np.array([1, 0, 3], dtype=dtype)})
    assert list(decode(stream(table)).columns["age"]) == [1, 0, 3]


def test_dates_timestamps_and_decimals_come_through():
    moment = dt.datetime(2024, 5, 1, 12, 30, 15, 250_000, tzinfo=dt.UTC)
    plain = moment.replace(tzinfo=None)
    table = pa.table(
        {
            "day": pa.array([moment.date(), None], pa.date32()),
            "date64": pa.array([moment.date(), None], pa.date64()),
            "when": pa.array([plain, None], pa.timestamp("ns")),
            "seen": pa.array([moment, None], pa.timestamp("us", "Europe/Berlin")),
            "coded": pa.array([plain, None], pa.timestamp("ms")).dictionary_encode(),
            "price": pa.array([Decimal("12.50"), None]),
        }
    )
    assert listed(decode(stream(table))) == {
        "day": ["2024-05-01", None],
        "date64": ["2024-05-01", None],
        "when": ["2024-05-01T12:30:15.250", None],
        "seen": ["2024-05-01T12:30:15.250Z", None],
        "coded": ["2024-05-01T12:30:15.250", None],
        "price": [Decimal("12.50"), None],
    }


def test_pandas_writes_what_is_read():
    frame = pd.DataFrame({"age": [63, 41], "sex": pd.Categorical(["f", "m"])})
    table = pa.Table.from_pandas(frame, preserve_index=False)
    assert listed(decode(stream(table))) == {"age": [63, 41], "sex": ["f", "m"]}


def test_several_batches_are_one_request():
    table = pa.Table.from_batches(pa.table({"age": list(range(7))}).to_batches(max_chunksize=3))
    payload = decode(stream(table))
    assert (payload.rows, list(payload.columns["age"])) == (7, list(range(7)))


def test_no_rows_are_no_rows():
    assert decode(stream(pa.table({"age": pa.array([], pa.int64())}))).rows == 0


def test_too_many_rows_are_refused_before_they_are_read():
    with pytest.raises(TooLarge, match="101 rows"):
        decode(stream(pa.table({"age": list(range(101))})))


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_compressed_buffers_are_refused_since_they_could_be_of_any_size(compression):
    body = stream(pa.table({"age": [1.0] * 99}), compression=compression)
    with pytest.raises(BadEncoding, match="content-encoding"):
        decode(body)


@pytest.mark.parametrize(
    "values",
    [
        pa.array([[1], [2]]),
        pa.array([{"a": 1}]),
        pa.array([b"x"]),
        pa.array(["x"], pa.string_view()),
        pa.array([1, 2], pa.duration("s")),
    ],
)
def test_other_types_are_refused_by_name(values):
    with pytest.raises(BadEncoding, match="'age' is of Arrow's type"):
        decode(stream(pa.table({"age": values})))


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff" * 40, stream(pa.table({"age": [1]}))[:-40]])
def test_other_bytes_are_refused(body):
    with pytest.raises(BadEncoding):
        decode(body)


GOOD = stream(pa.table({"age": [1, 2], "sex": pa.array(["f", None]).dictionary_encode()}))


@given(st.data())
def test_damaged_bytes_are_read_or_refused_and_nothing_else(data):
    places = st.dictionaries(st.integers(0, len(GOOD) - 1), st.integers(0, 255), max_size=6)
    body = bytearray(GOOD)
    for place, value in data.draw(places).items():
        body[place] = value
    try:
        payload = decode(bytes(body))
    except (BadEncoding, TooLarge):
        return
    assert all(len(values) == payload.rows for values in payload.columns.values())


def sharing(texts, columns):
    """A stream of equal columns of text, all of which lie at the bytes of the first."""
    column = pa.array(texts)
    written = stream(pa.table({f"c{n}": column for n in range(columns)}))
    schema, batch = pa.ipc.MessageReader.open_stream(written)
    metadata, content = bytearray(batch.metadata.to_pybytes()), batch.body.to_pybytes()
    at, found, first = 0, 0, {}
    for _ in range(columns):
        for buffer in column.buffers()[1:]:
            place = struct.pack("<qq", at, buffer.size)
            found = metadata.index(place, found)
            metadata[found : found + 16] = first.setdefault(buffer.size, place)
            at += -(-buffer.size // 8) * 8
    whole, end = metadata.index(struct.pack("<q", len(content))), at // columns
    metadata[whole : whole + 8] = struct.pack("<q", end)
    parts = (schema.metadata.to_pybytes(), b""), (bytes(metadata), content[:end])
    messages = [b"\xff" * 4 + struct.pack("<i", len(head)) + head + rest for head, rest in parts]
    return b"".join([*messages, b"\xff" * 4 + bytes(4)])


def test_columns_that_share_their_bytes_are_refused():
    texts = [f"{n}" * 40 for n in range(100)]
    assert len(decode(sharing(texts, 1)).columns) == 1
    with pytest.raises(BadEncoding, match="share their bytes"):
        decode(sharing(texts, 50))


def test_very_many_columns_that_nobody_knows_are_refused_whatever_is_in_them():
    columns = {f"c{n}": pa.nulls(100) for n in range(len(NAMES) + 101)}
    with pytest.raises(BadEncoding, match="104 columns"):
        decode(stream(pa.table(columns)))


def coded(batches, words, **options):
    """A stream of batches of one row, each of the next word of a dictionary."""
    kind = pa.dictionary(pa.int32(), pa.string())
    schema, sink = pa.schema([("sex", kind)]), io.BytesIO()
    with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for n in range(batches):
            known = pa.array(words[: len(words) - batches + n + 1] if options else words)
            column = pa.DictionaryArray.from_arrays(pa.array([n], pa.int32()), known)
            writer.write_batch(pa.record_batch([column], schema=schema))
    return sink.getvalue()


def test_a_dictionary_of_many_batches_is_read_once():
    words = [f"word {n}" for n in range(50_000)]
    began_s = time.process_time()
    assert listed(decode(coded(100, words))) == {"sex": words[:100]}
    assert time.process_time() - began_s < 2


def test_a_dictionary_may_grow_and_not_over_and_over():
    words = [f"word {n}" for n in range(50_000)]
    body = coded(10, words, emit_dictionary_deltas=True)
    assert listed(decode(body)) == {"sex": words[:10]}
    with pytest.raises(BadEncoding, match="grows very often"):
        decode(coded(100, words, emit_dictionary_deltas=True))


def test_a_dictionary_may_be_replaced():
    words = {"sex": ["f", "m", None, "m"], "age": [1, 2, 3, 4]}
    table = pa.table(words)
    batches = [
        pa.record_batch([part["sex"].dictionary_encode(), part["age"]], names=["sex", "age"])
        for part in table.to_batches(max_chunksize=1)
    ]
    assert listed(decode(stream(pa.Table.from_batches(batches)))) == words


def test_an_index_behind_the_end_of_its_dictionary_is_refused():
    column = pa.DictionaryArray.from_arrays(
        pa.array([0, 7], pa.int8()), pa.array(["f"]), safe=False
    )
    with pytest.raises(BadEncoding):
        decode(stream(pa.table({"sex": column})))


def test_an_answer_is_a_stream_that_pandas_reads():
    shares = np.array([[0.25, 0.75], [1.0, 0.0]])
    reply = encode(np.array(["ill", "well"], dtype=object), shares, ("ill", "well"))
    assert reply.media_type.decode() == arrow.MEDIA_TYPE
    table = pa.ipc.open_stream(reply.body).read_all()
    frame = table.to_pandas()
    assert frame["prediction"].tolist() == ["ill", "well"]
    assert np.stack(frame["probabilities"]).tolist() == shares.tolist()
    said = {key.decode(): json.loads(value) for key, value in table.schema.metadata.items()}
    assert said["variants"] == ["m@1"]
    assert said["classes"] == ["ill", "well"]
    assert said["prediction_id"] == "p-1"


def test_answers_of_several_numbers_are_lists_of_one_length():
    table = pa.ipc.open_stream(encode(np.array([[1.0, 2.0]])).body).read_all()
    assert table.column("prediction").to_pylist() == [[1.0, 2.0]]


def test_answers_of_several_kinds_have_no_column():
    with pytest.raises(InvalidInput, match="several kinds"):
        encode(np.array(["ill", 3], dtype=object))


class TestByType:
    BOTH = ByType(
        native.DIALECT,
        {arrow.MEDIA_TYPE: arrow.DIALECT, kserve_v1.CLOUD_EVENT: kserve_v1.DIALECT},
        frozenset({arrow.MEDIA_TYPE}),
    )

    @pytest.mark.parametrize(
        ("sent", "accept", "answered"),
        [
            ("application/json", "*/*", b"application/json"),
            ("application/json", arrow.MEDIA_TYPE, arrow.MEDIA_TYPE.encode()),
            (arrow.MEDIA_TYPE, "", arrow.MEDIA_TYPE.encode()),
            (f"{arrow.MEDIA_TYPE}; charset=utf-8", "*/*", arrow.MEDIA_TYPE.encode()),
            (arrow.MEDIA_TYPE, "application/json", b"application/json"),
        ],
    )
    def test_reads_by_content_type_and_answers_by_accept(self, sent, accept, answered):
        table = pa.table({"age": [1], "dose": [2.0], "sex": ["f"]})
        rows = {"instances": table.to_pylist()}
        body = json.dumps(rows).encode() if "json" in sent else stream(table)
        headers = {"content-type": sent, "accept": accept}
        payload = self.BOTH.decode(Call(body, NAMES, 9, headers, COLUMNS))
        assert listed(payload) == table.to_pydict()
        request = Request("risk", payload, "r-1", headers=headers)
        answer = Answer(Prediction(np.array([1.5])), ("m@1",))
        reply = self.BOTH.encode(Response(request, "p-1", 7, answer, ()))
        assert reply.media_type == answered

    @pytest.mark.parametrize("accept", ["application/json", arrow.MEDIA_TYPE, "*/*"])
    def test_an_event_is_answered_by_an_event_whatever_is_accepted(self, accept):
        body = {"specversion": "1.0", "data": {"instances": [[1, 2.0, "f"]]}}
        headers = {"content-type": kserve_v1.CLOUD_EVENT, "accept": accept}
        payload = self.BOTH.decode(Call(json.dumps(body).encode(), NAMES, 9, headers, COLUMNS))
        request = Request("risk", payload, "r-1", headers=headers)
        answer = Answer(Prediction(np.array([1.5])), ("m@1",))
        reply = self.BOTH.encode(Response(request, "p-1", 7, answer, ()))
        assert reply.media_type.decode() == kserve_v1.CLOUD_EVENT
        assert json.loads(reply.body)["data"] == {"predictions": [1.5]}

    def test_an_event_is_no_answer_to_what_is_none(self):
        headers = {"content-type": "application/json", "accept": kserve_v1.CLOUD_EVENT}
        request = Request("risk", Payload({}, 1), "r-1", headers=headers)
        answer = Answer(Prediction(np.array([1.5])), ("m@1",))
        reply = self.BOTH.encode(Response(request, "p-1", 7, answer, ()))
        assert reply.media_type == b"application/json"

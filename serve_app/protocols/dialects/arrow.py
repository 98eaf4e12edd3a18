"""Streams of Arrow's record batches, for large requests: columns in, columns out.

https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format. The bytes come from
strangers: `bodies/arrow_stream.py` reads them.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from serve_app.core import times
from serve_app.core.messages import PREDICT_PROBA, Payload, RawColumns, Response
from serve_app.errors import InvalidInput
from serve_app.protocols import methods
from serve_app.protocols.bodies import arrow_stream, json_body, several_targets
from serve_app.protocols.dialect import ByPath, Call, Reply

if TYPE_CHECKING:
    import pyarrow as pa

MEDIA_TYPE = "application/vnd.apache.arrow.stream"
_METHOD = "predict_method"


class ArrowStream(ByPath):
    """A column per feature; a column `prediction` and, where there are any, `probabilities`.

    Of several yes or no, both hold a list with one for each; of a class of each of several
    targets, a struct with a field for each.

    `predict_method` in the metadata of the request's schema makes `predict_proba` or
    `raw_scores` the predictions.
    """

    name = "arrow"
    media_types = frozenset({MEDIA_TYPE})

    def decode(self, call: Call) -> Payload:
        """The columns of a stream.

        Raises:
            BadEncoding: it is no stream, is compressed within, or holds values of types that
                are not spoken.
            InvalidInput: there is no such method.
            TooLarge: more than `max_rows` rows.
        """
        schema, batches = arrow_stream.read(call.body, call.names, call.max_rows)
        rows = sum(batch.num_rows for batch in batches)
        json_body.check_rows(rows, call.max_rows)
        return Payload(columns=_columns(batches), rows=rows, method=_method(schema))

    def encode(self, response: Response) -> Reply:
        """The answer as a stream; what else there is to say stands in the schema's metadata.

        Raises:
            InvalidInput: the answers are of several kinds, which no column holds, or the
                model gives no probabilities, which were asked for.
        """
        import pyarrow as pa  # noqa: PLC0415 - slow to import

        prediction = response.answer.prediction
        try:
            columns = {"prediction": _answered(response)}
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            msg = "answers of several kinds have no form as a column; accept application/json"
            raise InvalidInput(msg) from error
        if prediction.probabilities is not None:
            columns["probabilities"] = _shares(response, prediction.probabilities)
        batch = pa.record_batch(columns).replace_schema_metadata(_about(response))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        return Reply(sink.getvalue().to_pybytes(), MEDIA_TYPE.encode())


DIALECT = ArrowStream()


def _method(schema: pa.Schema) -> str:
    value = (schema.metadata or {}).get(_METHOD.encode())
    return methods.of_parameters({} if value is None else {_METHOD: value.decode(errors="replace")})


def _columns(batches: Sequence[pa.RecordBatch]) -> RawColumns:
    import pyarrow as pa  # noqa: PLC0415 - slow to import

    if not batches:
        return {}
    schema = batches[0].schema
    return {
        name: values_of(pa.chunked_array([batch.column(index) for batch in batches]))
        for index, name in enumerate(schema.names)
    }


def values_of(column: pa.ChunkedArray) -> Sequence[Any]:
    """The values of a column: an array of numbers where nothing is null, else a list."""
    from pyarrow import types  # noqa: PLC0415 - slow to import

    kind = column.type
    if types.is_date(kind) or types.is_timestamp(kind):
        return _moments(column)
    if types.is_dictionary(kind):
        runs = itertools.groupby(column.chunks, lambda chunk: arrow_stream.place(chunk.dictionary))
        return [value for _, chunks in runs for value in _decoded(list(chunks))]
    if column.null_count == 0 and (types.is_integer(kind) or types.is_floating(kind)):
        array: Sequence[Any] = column.to_numpy()
        return array
    listed: list[Any] = column.to_pylist()
    return listed


def _decoded(chunks: Sequence[pa.DictionaryArray]) -> list[Any]:
    """The values of chunks that name them by their numbers in one dictionary.

    Each is read once, however many rows name it, and of a long one what rows name alone.
    """
    import pyarrow as pa  # noqa: PLC0415 - slow to import

    dictionary = chunks[0].dictionary
    indices = pa.chunked_array([chunk.indices for chunk in chunks])
    numbers = range(len(dictionary))
    if len(dictionary) > len(indices):
        named = indices.unique().drop_null()
        dictionary, numbers = dictionary.take(named), named.to_pylist()
    by_number = dict(zip(numbers, values_of(pa.chunked_array([dictionary])), strict=True))
    return list(map(by_number.get, indices.to_pylist()))


def _answered(response: Response) -> pa.Array:
    values = methods.flat(response, "Arrow")
    if response.request.payload.method == PREDICT_PROBA:
        return _shares(response, values)
    output = response.several
    if (
        output is None
        or not several_targets.is_split(output)
        or values is response.answer.prediction.scores
    ):
        return _written(values)
    return _struct(several_targets.columns(values, output))


def _shares(response: Response, shares: Any) -> pa.Array:
    output = response.several
    if output is None or not several_targets.is_split(output):
        return _written(shares)
    return _struct(several_targets.parts(shares, output))


def _struct(by_target: Mapping[str, Any]) -> pa.Array:
    import pyarrow as pa  # noqa: PLC0415 - an extra

    arrays = [_written(values) for values in by_target.values()]
    return pa.StructArray.from_arrays(arrays, names=list(by_target))


def _moments(column: pa.ChunkedArray) -> list[str | None]:
    """Dates and timestamps as ISO 8601, those of a zone in UTC."""
    import pyarrow as pa  # noqa: PLC0415 - slow to import
    from pyarrow import types  # noqa: PLC0415

    if types.is_date(column.type):
        days = column.cast(pa.date32()).cast(pa.int32()).cast(pa.int64())
        return times.texts(_ticks(days).view(times.DATE), zoned=False)
    unit, zone = column.type.unit, column.type.tz
    ticks = _ticks(column.cast(pa.int64()))
    return times.texts(ticks.view(f"datetime64[{unit}]"), zoned=zone is not None)


def _ticks(column: pa.ChunkedArray) -> Any:
    """Whole numbers with NumPy's sign for nothing where there are gaps."""
    return column.fill_null(np.iinfo(np.int64).min).to_numpy()


def _written(values: Any) -> pa.Array:
    import pyarrow as pa  # noqa: PLC0415 - slow to import

    if values.ndim == 1:
        return pa.array(values.tolist() if values.dtype == object else values)
    flat = pa.array(values.reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])


def _about(response: Response) -> dict[str, str]:
    answer = response.answer
    entries: dict[str, Any] = {
        "endpoint": response.request.endpoint,
        "variants": answer.variants,
        "snapshot": response.snapshot_version,
        "prediction_id": response.prediction_id,
        "request_id": response.request.id,
        "classes": response.labels,
        **several_targets.about(response),
        "fallback": answer.fallback,
        "left_out": [asdict(failure) for failure in answer.left_out],
        "warnings": [asdict(warned) for warned in response.warnings],
    }
    dump = orjson.dumps
    option = orjson.OPT_SERIALIZE_NUMPY
    return {
        name: dump(value, default=str, option=option).decode() for name, value in entries.items()
    }

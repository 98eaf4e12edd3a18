"""How each dialect's clients write a table, and how they read the answer."""

import csv
import io
import json
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
import pyarrow as pa

from tests.golden.gateway import LABELS, SIGNATURES
from tests.golden.tables import ACCEPTED, REFUSED

JSON = "application/json"


class Unsayable(Exception):
    """A dialect has no form for a table."""


class Sent(NamedTuple):
    """A request."""

    body: bytes
    headers: Mapping[str, str]


class Writer(NamedTuple):
    """One form of one dialect.

    `golden` is the folder, `path` what is asked, `endpoint` whom; `expected` are the tables of
    which this form makes something else than others do, and what; `text` says that its bodies are
    JSON, which can be cut and changed as such.
    """

    golden: str
    path: str
    write: Callable[[Any], Sent]
    read: Callable[[Mapping[str, str], bytes], list[Any]]
    endpoint: str = "mixed"
    expected: Mapping[str, str] = {}
    text: bool = True


def rows_of(table):
    """The rows as objects; the last one lacks its last cell where the table is ragged."""
    names = list(table.columns)
    rows = [
        dict(zip(names, cells, strict=True)) for cells in zip(*table.columns.values(), strict=True)
    ]
    if table.ragged:
        del rows[-1][names[-1]]
    return rows


def lists_of(table):
    """The rows as lists in the order of the endpoint's columns."""
    names = list(SIGNATURES["mixed"].names)
    if set(table.columns) != set(names):
        names = list(table.columns)
    rows = [list(row) for row in zip(*(table.columns[name] for name in names), strict=True)]
    if table.ragged:
        rows[-1].pop()
    return rows


def dumped(document, headers=None):
    return Sent(json.dumps(document).encode(), headers or {"content-type": JSON})


def _json(key):
    return lambda headers, body: json.loads(body)[key]


def native_rows(table):
    return dumped({"instances": rows_of(table)})


def columns_of(table):
    found = {name: list(values) for name, values in table.columns.items()}
    if table.ragged:
        found[list(found)[-1]].pop()
    return found


def tensors(table):
    """One V2 tensor per column, with the datatype that a client would choose for its cells."""
    return [tensor(name, values) for name, values in columns_of(table).items()]


def tensor(name, values):
    kinds = {type(value) for value in values if value is not None} or {float}
    if kinds == {bool}:
        datatype = "BOOL"
    elif kinds == {int}:
        datatype = "INT64" if all(abs(v or 0) < 2**63 for v in values) else "UINT64"
    elif kinds <= {float, int}:
        datatype = "FP64"
    else:
        datatype = "BYTES"
    return {"name": name, "shape": [len(values)], "datatype": datatype, "data": values}


def v2(table):
    return dumped({"id": "q", "inputs": tensors(table)})


def read_v2(headers, body):
    document = json.loads(body)
    (output,) = [one for one in document["outputs"] if one["name"] == "predict"]
    return output["data"]


PACKED = {"BOOL": np.bool_, "INT64": np.int64, "UINT64": np.uint64, "FP64": np.float64}


def packed(one):
    """The bytes of a tensor, as the binary extension has them."""
    values = one.pop("data")
    if None in values:
        if one["datatype"] != "FP64":
            raise Unsayable("a tensor of bytes has no null")
        values = [math.nan if value is None else value for value in values]
    if one["datatype"] == "BYTES":
        texts = [str(value).encode() for value in values]
        return b"".join(len(text).to_bytes(4, "little") + text for text in texts)
    try:
        return np.array(values, dtype=PACKED[one["datatype"]]).tobytes()
    except OverflowError:
        raise Unsayable("beyond 64 bits") from None


def v2_binary(table):
    found = tensors(table)
    contents = [packed(one) for one in found]
    for one, content in zip(found, contents, strict=True):
        one["parameters"] = {"binary_data_size": len(content)}
    document = {"id": "q", "inputs": found, "parameters": {"binary_data_output": True}}
    head = json.dumps(document).encode()
    length = {"inference-header-content-length": str(len(head))}
    return Sent(b"".join((head, *contents)), {"content-type": "application/octet-stream", **length})


def read_v2_binary(headers, body):
    length = int(headers["inference-header-content-length"])
    document, rest = json.loads(body[:length]), body[length:]
    (output,) = [one for one in document["outputs"] if one["name"] == "predict"]
    assert document["outputs"][0] is output
    found = []
    for _ in range(math.prod(output["shape"])):
        size = int.from_bytes(rest[:4], "little")
        found.append(rest[4 : 4 + size].decode())
        rest = rest[4 + size :]
    return found


def cells(table):
    """A table as CSV, with a header."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(table.columns)
    for row in rows_of(table):
        writer.writerow(_cell(value) for value in row.values())
    return file.getvalue().encode()


def _cell(value):
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else repr(value) if isinstance(value, float) else value


def headed_csv(table):
    return Sent(cells(table), {"content-type": "text/csv"})


def lines(table):
    body = b"".join(json.dumps(row).encode() + b"\n" for row in rows_of(table))
    accept = "application/jsonlines"
    return Sent(body, {"content-type": accept, "accept": accept})


def read_lines(headers, body):
    return [json.loads(line)["prediction"] for line in body.splitlines()]


def numbers(table):
    """The cells as a matrix of doubles, where they all are numbers."""
    if table.ragged:
        raise Unsayable("a matrix is not ragged")
    found = [[math.nan if v is None else v for v in row] for row in lists_of(table)]
    if any(isinstance(value, str) or abs(value) > 2**53 for row in found for value in row):
        raise Unsayable("no numbers, or such that a double does not hold")
    return np.array(found, dtype=np.float64).reshape(table.rows, len(table.columns))


def npy(table):
    file = io.BytesIO()
    np.save(file, numbers(table))
    kind = "application/x-npy"
    return Sent(file.getvalue(), {"content-type": kind, "accept": kind})


def read_npy(headers, body):
    return np.load(io.BytesIO(body)).tolist()


def libsvm(table):
    places = {name: at + 1 for at, name in enumerate(SIGNATURES["numeric"].names)}
    order = [name for name in SIGNATURES["numeric"].names if name in table.columns]
    order = order if len(order) == len(table.columns) else list(table.columns)
    rows = [
        " ".join(
            f"{places.get(name, 3)}:{value!r}"
            for name, value in zip(order, row, strict=True)
            if not math.isnan(value)
        )
        for row in numbers(table).tolist()
    ]
    kinds = {"content-type": "text/libsvm", "accept": "text/csv"}
    return Sent("\n".join(f"0 {row}" for row in rows).encode(), kinds)


def read_csv(headers, body):
    return body.decode().split()


def seldon_tensor(table):
    matrix = numbers(table)
    names = list(table.columns)
    flat = [None if math.isnan(value) else value for value in matrix.reshape(-1).tolist()]
    said = {"shape": list(matrix.shape), "values": flat}
    return dumped({"data": {"names": names, "tensor": said}})


def seldon_ndarray(table):
    return dumped({"data": {"names": list(table.columns), "ndarray": values_of(table)}})


def values_of(table):
    rows = [list(row) for row in zip(*table.columns.values(), strict=True)]
    if table.ragged:
        rows[-1].pop()
    return rows


def labelled(shares):
    """The likelier of the two labels, where a dialect answers with probabilities."""
    return [LABELS[int(yes > no)] for no, yes in shares]


def read_seldon(headers, body):
    data = json.loads(body)["data"]
    assert tuple(data["names"]) == LABELS
    if "tensor" in data:
        flat = data["tensor"]["values"]
        return labelled(zip(flat[::2], flat[1::2], strict=True))
    return labelled(data["ndarray"])


def split(table):
    return {"columns": list(table.columns), "data": values_of(table)}


def arrow(table):
    if table.ragged:
        raise Unsayable("a record batch is not ragged")
    try:
        batch = pa.table({name: pa.array(values) for name, values in table.columns.items()})
    except (pa.ArrowInvalid, OverflowError):
        raise Unsayable("of no type of Arrow's") from None
    if table.rows == 0:
        kinds = (pa.int64(), pa.float64(), pa.string(), pa.bool_())
        batch = batch.cast(pa.schema(zip(table.columns, kinds, strict=True)))
    file = io.BytesIO()
    with pa.ipc.new_stream(file, batch.schema) as writer:
        writer.write_table(batch)
    return Sent(file.getvalue(), {"content-type": "application/vnd.apache.arrow.stream"})


def read_arrow(headers, body):
    return pa.ipc.open_stream(body).read_all().column("prediction").to_pylist()


def graphql(table):
    query = "query($rows: [MixedRow!]!) { predict { mixed(rows: $rows) { predictions } } }"
    return dumped({"query": query, "variables": {"rows": rows_of(table)}})


def read_graphql(headers, body):
    document = json.loads(body)
    assert "errors" not in document
    return document["data"]["predict"]["mixed"]["predictions"]


def classified(headers, body):
    return [max(pairs, key=lambda pair: pair[1])[0] for pairs in json.loads(body)["results"]]


def quoted(endpoint):
    return quote(endpoint, safe="")


NO_TOKEN = {"nan": REFUSED}
"""JSON has no NaN, and this dialect's clients do not send the token either."""
# CSV has one form for what is empty, and one for whole numbers and flags.
OF_CSV = {
    "empty_string": REFUSED,
    "number_for_string": ACCEPTED,
    "bool_for_number": REFUSED,
    "int_for_bool": ACCEPTED,
}
# Where all is a double, nothing else is left of what was sent.
OF_DOUBLES = {"fraction_for_int": ACCEPTED, "bool_for_number": ACCEPTED}
WRITERS = {
    "native": Writer(
        "native", "/v1/models/{}:predict", native_rows, _json("predictions"), expected=NO_TOKEN
    ),
    "native_lists": Writer(
        "native",
        "/v1/models/{}:predict",
        lambda table: dumped({"instances": lists_of(table)}),
        _json("predictions"),
        expected=NO_TOKEN,
    ),
    "native_columns": Writer(
        "native",
        "/v1/models/{}:predict",
        lambda table: dumped({"inputs": columns_of(table)}),
        _json("outputs"),
        expected=NO_TOKEN,
    ),
    "oip_v2": Writer("oip_v2", "/v2/models/{}/infer", v2, read_v2),
    "oip_v2_binary": Writer("oip_v2", "/v2/models/{}/infer", v2_binary, read_v2_binary, text=False),
    "tf_serving": Writer(
        "tf_serving",
        "/tfs/v1/models/{}:predict",
        native_rows,
        _json("predictions"),
        expected={"no_rows": REFUSED},
    ),
    "tf_serving_columns": Writer(
        "tf_serving",
        "/tfs/v1/models/{}:predict",
        lambda table: dumped({"inputs": columns_of(table)}),
        _json("outputs"),
    ),
    "tf_serving_classify": Writer(
        "tf_serving",
        "/tfs/v1/models/{}:classify",
        lambda table: dumped({"examples": rows_of(table)}),
        classified,
        expected=NO_TOKEN,
    ),
    "kserve_v1": Writer(
        "kserve_v1", "/kserve/v1/models/{}:predict", native_rows, _json("predictions")
    ),
    "torchserve": Writer(
        "torchserve",
        "/torchserve/predictions/{}",
        lambda table: dumped(rows_of(table)),
        lambda headers, body: json.loads(body),
    ),
    "mlflow_split": Writer(
        "mlflow",
        "/mlflow/invocations",
        lambda table: dumped({"dataframe_split": split(table)}),
        _json("predictions"),
    ),
    "mlflow_records": Writer(
        "mlflow",
        "/mlflow/invocations",
        lambda table: dumped({"dataframe_records": rows_of(table)}),
        _json("predictions"),
    ),
    "mlflow_csv": Writer(
        "mlflow",
        "/mlflow/invocations",
        headed_csv,
        _json("predictions"),
        expected=OF_CSV,
        text=False,
    ),
    "sagemaker_lines": Writer(
        "sagemaker",
        "/sagemaker/invocations",
        lines,
        read_lines,
        text=False,
        expected={"no_rows": REFUSED},
    ),
    "sagemaker_npy": Writer(
        "sagemaker",
        "/sagemaker/invocations",
        npy,
        read_npy,
        endpoint="numeric",
        text=False,
        expected=OF_DOUBLES,
    ),
    "sagemaker_libsvm": Writer(
        "sagemaker",
        "/sagemaker/invocations",
        libsvm,
        read_csv,
        endpoint="numeric",
        text=False,
        expected={**OF_DOUBLES, "no_rows": REFUSED},
    ),
    "vertex": Writer(
        "vertex",
        "/v1/projects/p/locations/l/endpoints/{}:predict",
        native_rows,
        _json("predictions"),
        expected=NO_TOKEN,
    ),
    "azure_ml": Writer(
        "azure_ml",
        "/azureml/score",
        lambda table: dumped({"input_data": split(table)}),
        lambda headers, body: json.loads(body),
        expected=NO_TOKEN,
    ),
    "seldon_ndarray": Writer(
        "seldon", "/seldon/predict", seldon_ndarray, read_seldon, expected=NO_TOKEN
    ),
    "seldon_tensor": Writer(
        "seldon",
        "/seldon/predict",
        seldon_tensor,
        read_seldon,
        endpoint="numeric",
        expected=OF_DOUBLES,
    ),
    "arrow": Writer("arrow", "/v1/models/{}:predict", arrow, read_arrow, text=False),
    "graphql": Writer("graphql", "/graphql", graphql, read_graphql, expected=NO_TOKEN),
}

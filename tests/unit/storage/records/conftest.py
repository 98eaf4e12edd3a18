"""Records of a made-up endpoint, and a log to put them into."""

import numpy as np
import pytest

from serve_app.core.columns import Columns
from serve_app.core.messages import Answer, Payload, Prediction, Request
from serve_app.core.plan import Assignment, Plan
from serve_app.core.record import Record
from serve_app.core.record_settings import RecordSettings
from serve_app.storage.records.deliveries import encode
from serve_app.storage.records.files import Files
from serve_app.storage.records.rows import tables_of

NOON_S = 1_790_000_000.0 // 3600 * 3600


def prediction_id(at_s, number):
    return f"{int(at_s * 1000):012x}{number:020x}"


def record(number, at_s=None, *, endpoint="diagnosis", label="yes", variant="m@1", **fields):
    """One request of one row: features age and dose, an order id."""
    at_s = NOON_S + number if at_s is None else at_s
    values = np.array([[20.0 + number, number / 8]])
    columns = Columns.from_block(("age", "dose"), values)
    payload = Payload({"age": [20.0 + number]}, 1, {"order_id": number})
    answer = Answer(Prediction(np.array([label]), np.array([[0.25, 0.75]])), (variant,))
    given = {
        "request": Request(endpoint, payload, f"request-{number}"),
        "endpoint": endpoint,
        "snapshot": 3,
        "started_s": at_s,
        "took_s": 0.002,
        "prediction_id": prediction_id(at_s, number),
        "plan": Plan((variant,), propensity=0.5, assignment=Assignment("hash", "salt", 7), epoch=2),
        "columns": columns,
        "answer": answer,
        **fields,
    }
    return Record(**given)


@pytest.fixture
def files(tmp_path):
    """A place for a log."""
    return Files(str(tmp_path / "records"))


SETTINGS = {"diagnosis": RecordSettings(key="order_id")}


def payload(records, settings=None):
    """A delivery of records."""
    tables = tables_of(records, wall_minus_clock_s=0.0, settings=settings or SETTINGS)
    return encode(tables)


def ids(table):
    """The ids in a table, sorted."""
    return sorted(table["prediction_id"].to_pylist())

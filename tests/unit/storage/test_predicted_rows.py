"""What the log knows of predictions, also of those that former versions recorded."""

import pytest

from serve_app.core.record_settings import RecordSettings
from serve_app.storage.predicted_rows import predicted_rows
from serve_app.storage.records.compaction import Compactor
from serve_app.storage.records.deliveries import Incoming
from tests.unit.storage.records.conftest import NOON_S, files, payload, prediction_id, record

__all__ = ["files"]


@pytest.mark.parametrize("is_compacted", [False, True])
def test_segments_come_with_the_rows_that_have_some(files, is_compacted):
    incoming = Incoming(files)
    with_segments = {"diagnosis": RecordSettings(segments={"order_id": ()})}
    incoming.take("a", 1, payload([record(1)]))
    incoming.take("a", 2, payload([record(2)], with_segments))
    if is_compacted:
        Compactor(files, incoming).compact(incoming.waiting())
    ids = [prediction_id(NOON_S + number, number) for number in (1, 2)]
    for wanted in (ids, ids[:1]):
        rows = predicted_rows(files, "diagnosis", wanted, {}, now_s=NOON_S + 60, horizon_s=3600)
        by_id = {row.prediction_id: row.segments for row in rows}
        assert by_id == dict(zip(wanted, ({}, {"order_id": "2"}), strict=False))

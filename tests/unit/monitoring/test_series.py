"""Of each metric one process has so many series and no more."""

from serve_app.monitoring.catalogue import (
    BATCHES,
    MOST_HISTOGRAMS,
    MOST_SERIES,
    REFUSED_SERIES,
    REQUEST_SECONDS,
    Sample,
)
from serve_app.monitoring.series import Room


def test_series_that_are_known_keep_their_room():
    room = Room()
    taken = [room.has_room(Sample(BATCHES, (str(n),), 1)) for n in range(MOST_SERIES + 3)]
    assert taken == [True] * MOST_SERIES + [False] * 3
    assert room.has_room(Sample(BATCHES, ("0",), 2))
    assert list(room.samples()) == [Sample(REFUSED_SERIES, ("serve_app_batches",), 3)]


def test_bins_of_one_histogram_are_one_series():
    room = Room()
    for bound in ("0.1", "1", "+Inf"):
        for n in range(MOST_HISTOGRAMS):
            assert room.has_room(Sample(REQUEST_SECONDS.bucket, (str(n), bound), 1))
    assert not room.has_room(Sample(REQUEST_SECONDS.bucket, ("more", "0.1"), 1))
    assert not room.has_room(Sample(REQUEST_SECONDS.bucket, ("more", "1"), 1))
    assert [sample.value for sample in room.samples()] == [1]

"""Spans wait in bounded memory."""

from serve_app.monitoring.telemetry.outbox import SpanOutbox


def test_the_oldest_are_taken_first_and_once():
    outbox = SpanOutbox()
    for number in range(5):
        outbox.on_end(number)
    assert outbox.take(3) == [0, 1, 2]
    assert outbox.take(3) == [3, 4]
    assert outbox.take(3) == []
    assert outbox.dropped == 0


def test_what_does_not_fit_is_counted_and_let_go():
    outbox = SpanOutbox(most=2)
    for number in range(5):
        outbox.on_end(number)
    assert outbox.dropped == 3
    assert outbox.take() == [0, 1]

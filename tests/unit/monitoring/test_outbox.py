"""Deliveries go one after the other, each the same until it has arrived."""

from serve_app.monitoring.outbox import Delivery, Outbox


def test_a_delivery_is_the_same_until_it_is_acknowledged():
    outbox = Outbox("gateway-1")
    outbox.add(b"a", 1)
    first = outbox.next()
    outbox.add(b"b", 2)
    assert first == Delivery("gateway-1", 1, b"a", 1)
    assert outbox.next() is first
    outbox.acknowledge(first.sequence)
    assert outbox.next() == Delivery("gateway-1", 2, b"b", 2)


def test_parts_go_together_up_to_a_size():
    outbox = Outbox("g", largest_delivery_bytes=3)
    for part in (b"aa", b"b", b"cccc", b"d"):
        outbox.add(part, 1)
    sent = []
    while (delivery := outbox.next()) is not None:
        sent.append(delivery.payload)
        outbox.acknowledge(delivery.sequence)
    assert sent == [b"aab", b"cccc", b"d"]


def test_what_does_not_fit_is_counted():
    outbox = Outbox("g", most_bytes=4)
    outbox.add(b"aaaa", 4)
    outbox.add(b"b", 7)
    assert outbox.dropped_rows == 7
    assert outbox.next().rows == 4
    outbox.add(b"cc", 1)
    assert outbox.dropped_rows == 7


def test_what_goes_with_a_delivery_is_asked_for_once():
    asked = []

    def more():
        asked.append(1)
        return b"counts;"

    outbox = Outbox("g")
    outbox.add(b"rows", 1)
    assert outbox.next(more).payload == b"counts;rows"
    assert outbox.next(more).payload == b"counts;rows"
    assert len(asked) == 1
    outbox.acknowledge(1)
    assert outbox.next(more) == Delivery("g", 2, b"counts;", 0)


def test_nothing_is_sent_where_there_is_nothing():
    outbox = Outbox("g")
    assert outbox.next() is None
    outbox.acknowledge(1)
    outbox.give_up(1)
    assert outbox.next() is None
    assert outbox.dropped_rows == 0


def test_an_acknowledgement_of_another_delivery_changes_nothing():
    outbox = Outbox("g")
    outbox.add(b"a", 1)
    delivery = outbox.next()
    outbox.acknowledge(delivery.sequence + 1)
    assert outbox.next() is delivery


def test_what_will_never_be_taken_is_counted_and_the_next_goes():
    outbox = Outbox("g", largest_delivery_bytes=1)
    outbox.add(b"a", 3)
    outbox.add(b"b", 1)
    outbox.give_up(outbox.next().sequence)
    assert outbox.dropped_rows == 3
    assert outbox.next().payload == b"b"


def test_what_is_forgotten_is_not_sent_but_what_is_on_its_way_is():
    outbox = Outbox("g", most_bytes=2, largest_delivery_bytes=1)
    outbox.add(b"a", 1)
    delivery = outbox.next()
    outbox.add(b"b", 1)
    outbox.forget()
    assert outbox.next() is delivery
    outbox.acknowledge(delivery.sequence)
    assert outbox.next() is None
    outbox.add(b"cc", 1)
    assert outbox.dropped_rows == 0

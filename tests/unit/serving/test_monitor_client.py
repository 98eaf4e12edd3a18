"""Feedback that the monitor cannot keep is refused so that clients send it again."""

import asyncio

import pytest

from serve_app.core.feedback import Feedback
from serve_app.errors import InvalidInput, NotReady, RegistryFailed
from serve_app.monitoring.outbox import Delivery
from serve_app.serving.monitor_client import DeliverySender, FeedbackSender
from tests.unit.serving.test_control_client import Handle

GIVEN = [Feedback("risk", "p-1", reward=1.0)]


def kept(answer):
    return asyncio.run(FeedbackSender(Handle(answer, (GIVEN,)), timeout_s=0.01)(GIVEN))


def test_what_became_of_each_is_the_answer():
    async def stored():
        return ["stored"]

    assert kept(stored) == ["stored"]


def test_a_monitor_that_does_not_answer_is_not_waited_for():
    handle = Handle(lambda: asyncio.sleep(60), (GIVEN,))
    with pytest.raises(NotReady, match=r"`monitor`.* send it again"):
        asyncio.run(FeedbackSender(handle, timeout_s=0.01)(GIVEN))
    assert handle.cancelled


def test_a_store_that_fails_is_known_to_the_log_alone(caplog):
    async def failing():
        raise RegistryFailed("/secret/serve-app.db cannot be used", path="/secret")

    with pytest.raises(NotReady) as refused:
        kept(failing)
    assert "secret" not in refused.value.message
    assert refused.value.details == {}
    assert "/secret/serve-app.db" in caplog.text


def test_a_delivery_goes_with_its_number():
    arrived = []

    async def takes():
        arrived.append(True)
        return True

    handle = Handle(takes, ("g", 3, b"rows"))
    asyncio.run(DeliverySender(handle, timeout_s=1)(Delivery("g", 3, b"rows", 1)))
    assert arrived == [True]


def test_what_the_monitor_refuses_is_refused_in_its_words():
    async def refuses():
        raise InvalidInput("it is no delivery")

    handle = Handle(refuses, ("g", 3, b"?"))
    with pytest.raises(InvalidInput, match="it is no delivery"):
        asyncio.run(DeliverySender(handle, timeout_s=1)(Delivery("g", 3, b"?", 1)))

"""Feedback that control cannot keep is refused so that clients send it again; no path is told."""

import asyncio

import pytest

from serve_app.core.feedback import Feedback
from serve_app.errors import NotReady, RegistryFailed
from serve_app.serving.control_client import FeedbackSender

SAID = Feedback("risk", "p-1", reward=1.0)


class Handle:
    """A handle of Serve's, whose calls a test answers."""

    def __init__(self, answer):
        self._answer = answer
        self.cancelled = False

    def remote(self, feedback):
        assert feedback is SAID
        self._call = self._answer()
        return self

    def __await__(self):
        return self._call.__await__()

    def cancel(self):
        self.cancelled = True


def kept(answer):
    handle = Handle(answer)
    return asyncio.run(FeedbackSender(handle, timeout_s=0.01)(SAID)), handle


def test_what_control_says_is_the_answer():
    async def stored():
        return "stored"

    assert kept(stored)[0] == "stored"


def test_control_that_does_not_answer_is_not_waited_for():
    handle = Handle(lambda: asyncio.sleep(60))
    with pytest.raises(NotReady, match="send it again"):
        asyncio.run(FeedbackSender(handle, timeout_s=0.01)(SAID))
    assert handle.cancelled


def test_a_store_that_fails_is_known_to_the_log_alone(caplog):
    async def failing():
        raise RegistryFailed("/secret/feedback.sqlite cannot be used", path="/secret")

    with pytest.raises(NotReady) as refused:
        kept(failing)
    assert "secret" not in refused.value.message
    assert refused.value.details == {}
    assert "/secret/feedback.sqlite" in caplog.text


def test_a_handle_that_cannot_be_called_is_told_as_what_it_is():
    def broken():
        raise NotReady("control has no replica that could answer")

    with pytest.raises(NotReady, match="no replica"):
        kept(broken)

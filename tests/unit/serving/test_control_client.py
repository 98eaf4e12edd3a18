"""Calls of control end in time, with errors of ours."""

import asyncio

import pytest
from ray.serve import exceptions as serve_errors

from serve_app.errors import NotReady, RegistryFailed
from serve_app.serving.control_client import ControlCaller, StatusReader


class Handle:
    """A handle of Serve's, whose calls a test answers."""

    def __init__(self, answer, wanted=()):
        self._answer = answer
        self._wanted = wanted
        self.cancelled = False

    def remote(self, *arguments):
        assert arguments == self._wanted
        self._call = self._answer()
        return self

    def options(self, method_name):
        assert method_name == "look_at_aliases"
        return self

    def __await__(self):
        return self._call.__await__()

    def cancel(self):
        self.cancelled = True


def test_a_control_that_does_not_answer_is_not_waited_for():
    handle = Handle(lambda: asyncio.sleep(60))
    with pytest.raises(NotReady, match="control does not answer yet"):
        asyncio.run(StatusReader(handle, timeout_s=0.01)())
    assert handle.cancelled


def test_a_handle_that_cannot_be_called_is_told_as_what_it_is():
    def broken():
        raise NotReady("control has no replica that could answer")

    with pytest.raises(NotReady, match="no replica"):
        asyncio.run(StatusReader(Handle(broken), timeout_s=0.01)())


def test_whoever_moved_an_alias_hears_nothing_of_a_control_that_is_away():
    heard = []

    async def looks():
        heard.append("look")

    async def fails():
        raise RegistryFailed("the disk is full")

    for answer in (looks, fails, lambda: asyncio.sleep(60)):
        handle = Handle(answer, ())
        asyncio.run(ControlCaller(handle, timeout_s=0.01).look_at_aliases())
    assert heard == ["look"]
    assert handle.cancelled


def test_where_serve_s_controller_is_away_control_is_not_ready():
    class Unbound(Handle):
        def options(self, method_name):
            raise serve_errors.RayServeException("There is no Serve instance running")

    with pytest.raises(NotReady, match="control cannot be reached yet"):
        asyncio.run(ControlCaller(Unbound(None)).in_effect())

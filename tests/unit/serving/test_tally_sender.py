"""Control hears what was counted, the first time before anything was."""

import asyncio

from serve_app.core.tally import Tally
from serve_app.serving.tally_sender import TallySender


class Handle:
    """Control's method, which answers or is away."""

    def __init__(self):
        self.taken, self.is_away = [], False

    def remote(self, replica, number, tallies):
        return self._answer(replica, number, tallies)

    async def _answer(self, *told):
        if self.is_away:
            raise ConnectionError
        self.taken.append(told)


TOLD = {"e": Tally({"answered": 3})}


def test_control_is_told_by_which_gateway_even_where_nothing_was_counted():
    handle, told = Handle(), {}
    sender = TallySender(lambda: told, handle, "gateway#1")
    asyncio.run(sender.send())
    told = TOLD
    asyncio.run(sender.send())
    assert handle.taken == [("gateway#1", 1, {}), ("gateway#1", 2, TOLD)]


def test_while_control_is_away_nothing_fails():
    handle = Handle()
    handle.is_away = True
    asyncio.run(TallySender(lambda: TOLD, handle, "gateway#1").send())
    assert handle.taken == []

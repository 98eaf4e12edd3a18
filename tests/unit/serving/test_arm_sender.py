"""Control hears totals again and again, and its silence is measured."""

import asyncio

from serve_app.core.arms import ArmCounts, Arms
from serve_app.serving.arm_sender import ArmSender
from tests.clocks import Clock

COUNTED = {"e": Arms(3, {"m@1": ArmCounts(5, 1, 0)})}


class Handle:
    """Control's method, which answers or is away."""

    def __init__(self):
        self.taken, self.is_away = [], False

    def remote(self, replica, arms):
        return self._answer(replica, arms)

    async def _answer(self, replica, arms):
        if self.is_away:
            raise ConnectionError
        self.taken.append((replica, arms))


def made(arms):
    handle, clock = Handle(), Clock(10.0)
    return ArmSender(lambda: arms, handle, "gateway#1", clock=clock), handle, clock


def test_control_is_told_totals_by_which_gateway():
    sender, handle, _ = made(COUNTED)
    asyncio.run(sender.send())
    assert handle.taken == [("gateway#1", COUNTED)]
    assert sender.silence_s() == 0


def test_control_hears_nothing_where_nothing_was_counted():
    sender, handle, clock = made({})
    handle.is_away = True
    asyncio.run(sender.send())
    clock.now_s += 60
    assert (handle.taken, sender.silence_s()) == ([], 0.0)


def test_silence_lasts_from_the_first_call_without_an_answer_to_the_next_with_one():
    sender, handle, clock = made(COUNTED)
    handle.is_away = True
    asyncio.run(sender.send())
    clock.now_s += 3
    assert sender.silence_s() == 3
    asyncio.run(sender.send())
    clock.now_s += 1
    assert sender.silence_s() == 4
    handle.is_away = False
    asyncio.run(sender.send())
    assert sender.silence_s() == 0


def test_a_call_that_hangs_is_silence_already():
    sender, handle, clock = made(COUNTED)

    async def hanging(replica, arms):
        clock.now_s += 2
        assert sender.silence_s() == 2

    handle.remote = hanging
    asyncio.run(sender.send())
    assert sender.silence_s() == 0

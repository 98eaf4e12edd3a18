"""The end of a head is told from a head that is slow, and from a network that is away."""

import socket

import pytest

from serve_app.cluster.head_watch import HeadWatch, connect
from tests.ports import free_port


class Head:
    """A head at whose port each attempt meets what is next, a second after the one before."""

    def __init__(self, *meets):
        self._meets = list(meets)
        self.now_s = 0.0

    def connect(self, address):
        self.now_s += 1.0
        if (error := self._meets.pop(0)) is not None:
            raise error

    def seen(self):
        watch = HeadWatch(patience_s=3.0, connect=self.connect, clock=lambda: self.now_s)
        return [watch.has_ended("10.0.0.1:6379") for _ in list(self._meets)]


GONE, AWAY, SLOW = ConnectionRefusedError(), OSError("no route"), TimeoutError()


def test_a_head_has_ended_once_nobody_listened_for_as_long_as_it_takes():
    assert Head(None, GONE, GONE, GONE, GONE, GONE).seen() == [False] * 4 + [True] * 2


def test_a_head_that_is_back_in_time_has_not_ended():
    assert not any(Head(GONE, GONE, GONE, None, GONE, GONE, GONE).seen())


@pytest.mark.parametrize("error", [AWAY, SLOW])
def test_a_machine_that_is_not_reached_says_nothing_of_the_head(error):
    assert not any(Head(*[error] * 9).seen())


def test_a_real_port_is_refused_once_nobody_listens_there():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        connect(f"127.0.0.1:{listening.getsockname()[1]}")
    with pytest.raises(ConnectionRefusedError):
        connect(f"127.0.0.1:{free_port()}")

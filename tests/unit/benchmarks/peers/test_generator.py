"""The server that computes nothing."""

from benchmarks.peers.generator import Null
from benchmarks.wire import build_request


class Transport:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Keep it."""
        self.written.append(data)


def test_each_request_is_answered_once_all_of_it_has_come() -> None:
    transport, server = Transport(), Null()
    server._transport = transport  # type: ignore[assignment]
    request = build_request("POST", "/a", {"host": "a"}, b"{}" * 40)
    server.data_received(request[:-1])
    assert not transport.written
    server.data_received(request[-1:] + request)
    assert len(transport.written) == 2

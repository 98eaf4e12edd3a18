"""Shapes, parts, and what arrivals came to."""

import pytest

from benchmarks.peers.measured import GRPC, HTTP2, SHAPES, Open, parts
from benchmarks.peers.peers import chosen


def test_parts_are_chosen_by_name() -> None:
    assert parts("http2, arrivals") == {"http2", "arrivals"}
    assert "many-rows" in parts(None)
    with pytest.raises(ValueError, match="no part 'http3'"):
        parts("http3")


def test_names_of_shapes_say_the_protocol_where_it_is_not_the_usual_one() -> None:
    names = [shape.name for shape in SHAPES]
    assert len(set(names)) == len(names)
    assert "1 row, 16 connections" in names
    assert "1 row, 16 connections, gRPC" in names


def test_servers_are_asked_in_what_they_speak() -> None:
    (fastapi,) = chosen("fastapi-1")
    (granian,) = chosen("ceiling-granian")
    (mlserver,) = chosen("mlserver")
    spoken = {
        peer.name: {shape.protocol for shape in SHAPES if shape.fits(peer)}
        for peer in (fastapi, granian, mlserver)
    }
    assert not {HTTP2, GRPC} & spoken["fastapi-1"]
    assert HTTP2 in spoken["ceiling-granian"]
    assert GRPC in spoken["mlserver"]


def test_requests_that_failed_or_were_never_sent_were_due_too() -> None:
    one = Open("a", 10.0, 60, 30, 1.0, 2.0, 3.0, {"503": 8, "Disconnected": 2})
    assert one.failed == 10
    assert one.answered_share == 0.6

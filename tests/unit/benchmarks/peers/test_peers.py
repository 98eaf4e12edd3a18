"""The choice of servers."""

import pytest

from benchmarks.peers.peers import ALL, chosen


def test_servers_are_chosen_by_name() -> None:
    assert chosen(None) == ALL
    assert [peer.name for peer in chosen("ceiling, fastapi-1")] == ["ceiling", "fastapi-1"]
    with pytest.raises(ValueError, match="no server 'fastpi'"):
        chosen("fastpi")


def test_names_of_servers_are_unique() -> None:
    assert len({peer.name for peer in ALL}) == len(ALL)

"""Whether work beside serving has room is known before it waits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.engine.room import NodeRoom, Share, workers_with_room
from serve_app.errors import NotReady

MIB = 1024 * 1024


def node(free_cpus, cpus=2.0, free_mb=4_000, memory_mb=8_000):
    return NodeRoom(cpus, free_cpus, memory_mb * MIB, free_mb * MIB)


def test_it_says_what_a_worker_needs_and_what_is_free():
    with pytest.raises(NotReady, match=r"^a worker needs 0\.5 CPU, 0\.1 is free; ask for less"):
        workers_with_room(Share(0.5), 2, [node(0.1)])


def test_it_says_where_no_node_would_ever_hold_one():
    with pytest.raises(NotReady, match="needs 4 CPU, 2 is free on any of 2 nodes; no node is so"):
        workers_with_room(Share(4), 1, [node(2.0), node(1.0)])


def test_memory_counts_where_it_is_asked_for():
    share = Share(0.25, memory_mb=3_000)
    assert workers_with_room(share, 8, [node(2.0)]) == 1
    with pytest.raises(NotReady, match=r"needs 0\.25 CPU and 3,000 MiB, 2 CPU and 1,000 MiB are"):
        workers_with_room(share, 8, [node(2.0, free_mb=1_000)])


def test_fractions_that_add_up_to_what_is_free_have_room():
    # 0.3 is a little more than three times 0.1 of floats.
    assert workers_with_room(Share(0.1), 9, [node(0.1 + 0.2 - 1e-9)]) == 3


def test_a_cluster_without_nodes_has_no_room():
    with pytest.raises(NotReady, match="0 is free"):
        workers_with_room(Share(0.25), 1, [])


@given(
    cpus=st.floats(0.05, 4),
    wanted=st.integers(1, 20),
    free=st.lists(st.floats(0, 8), max_size=5),
)
def test_workers_that_are_let_in_fit_on_their_nodes(cpus, wanted, free):
    nodes = [node(one, cpus=8.0) for one in free]
    try:
        workers = workers_with_room(Share(cpus), wanted, nodes)
    except NotReady:
        assert all(one < cpus for one in free)
        return
    assert 1 <= workers <= wanted
    left = list(free)
    for _ in range(workers):
        place = max(range(len(left)), key=left.__getitem__)
        left[place] -= cpus
        assert left[place] > -1e-4

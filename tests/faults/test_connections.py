"""Clients that go away in the middle, and a gateway that may open no more files."""

import asyncio
import time

import psutil
import pytest

from tests.cluster.harness import until
from tests.faults.breaking import few_descriptors, small
from tests.faults.steady import Steady, lost, patients, requests_of

ABORTED_PER_S = 1000
FOR_S = 10
FEW = 64


@pytest.fixture(scope="module")
def running(cluster):
    cluster.start()
    cluster.deploy(small())
    until(lambda: len(cluster.replicas("gateway")) == 2, timeout_s=60, what="two gateways")
    return cluster


async def abort(port, request):
    """Send a request, or half of one, and go away."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        await writer.drain()
        writer.transport.abort()
    except OSError:
        return


async def abort_many(port):
    """Abort so many requests a second; how many it came to."""
    requests = requests_of("diagnosis", patients())
    loop = asyncio.get_running_loop()
    began_s, sent, under_way = loop.time(), 0, set()
    while (at_s := loop.time() - began_s) < FOR_S:
        while sent < at_s * ABORTED_PER_S and len(under_way) < 500:
            request = requests[sent % len(requests)]
            task = asyncio.create_task(abort(port, request[: len(request) - 7 * (sent % 2)]))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            sent += 1
        await asyncio.sleep(0.005)
    await asyncio.gather(*under_way)
    return sent


def taken(pid):
    """Open descriptors and MiB of memory of a process."""
    process = psutil.Process(pid)
    return process.num_fds(), process.memory_info().rss / 2**20


def test_clients_abort_their_requests(running, book):
    pids = running.replicas("gateway")
    asyncio.run(abort_many(running.http_port))
    before = [taken(pid) for pid in pids]
    with Steady(running, rate_per_s=20) as load:
        load.settle()
        sent = asyncio.run(abort_many(running.http_port))
        began_s = time.perf_counter()
        load.settle()

        def is_flat():
            now = [taken(pid) for pid in pids]
            return all(
                fds <= fds_before + 20 and mib <= mib_before + 30
                for (fds, mib), (fds_before, mib_before) in zip(now, before, strict=True)
            )

        until(is_flat, timeout_s=60, what="as few descriptors and as little memory as before")
        back_s = time.perf_counter() - began_s
    gone = lost(running, load)
    book.add("some 1,000 requests/s are aborted", load, lost=len(gone), back_s=back_s)
    assert sent > 300 * FOR_S
    assert set(running.replicas("gateway")) == set(pids)
    assert load.failures == [], load.words()
    assert load.client_failed == []
    assert not gone


def test_a_gateway_may_open_no_more_files(running, book):
    victim = psutil.Process(running.replicas("gateway")[0])
    with Steady(running, connections=64) as load:
        load.settle()
        began_s = time.perf_counter()
        with few_descriptors(victim.pid, FEW):
            busy_s = sum(victim.cpu_times()[:2])
            load.settle(10)
            busy_s = sum(victim.cpu_times()[:2]) - busy_s
        healed_s = time.perf_counter()
        load.settle(5)
    gone = lost(running, load)
    back_s = max(load.failing_s(healed_s), 0.0)
    book.add(f"a gateway may have {FEW} files open", load, lost=len(gone), back_s=back_s)
    assert busy_s < 5.0, "it went round in circles"
    assert victim.is_running()
    assert back_s < 2.0, load.words()
    assert all(one.began_s >= began_s for one in load.failures), load.words()
    assert load.client_failed == []
    assert not gone

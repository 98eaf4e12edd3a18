"""More than can be answered: a herd, clients that insist, a deploy meanwhile."""

import asyncio
import json
import threading

import httpx
import pytest

from benchmarks.load import run_closed
from serve_app.client import AsyncClient, Retries
from serve_app.errors import Overloaded, ServeError
from tests.cluster.harness import application, endpoints, until
from tests.faults.breaking import gateways
from tests.faults.code_of_rows import application_of, register_steps, rows, served, step
from tests.faults.herds import Storm, herd
from tests.faults.steady import Steady, lost, requests_of

ROW_S = 0.01
CODE = step(
    f"""\
with TURN:
    time.sleep({ROW_S} * len(values))
return values
""",
    before="import threading\nimport time\n\nTURN = threading.Lock()",
)
"""A step that makes a version's capacity known, whatever else the machine does."""
HERD = 2000
ACCEPTED_P99_S = 2.0
STORM_S = 15.0
GOODPUT = 0.8
OUR_SHARE = 1.1


def overloaded(**arguments):
    """Two gateways that shed load, and one replica of `toil`."""
    body = gateways(served(1, "toil"), 2)
    application(body, "gateway")["args"] |= {"overload": {}, **arguments}
    return body


@pytest.fixture(scope="module")
def running(cluster):
    cluster.start()
    register_steps(cluster, "toil", CODE)
    cluster.deploy(overloaded())
    until(lambda: len(cluster.replicas("gateway")) == 2, timeout_s=60, what="two gateways")
    return cluster


def capacity_per_s(cluster):
    """So many rows are answered a second by clients that wait."""
    asking = run_closed(
        "127.0.0.1", cluster.http_port, requests_of("toil", rows()), connections=8, duration_s=4
    )
    return asyncio.run(asking).rate_per_s


def test_clients_that_insist_leave_most_of_the_capacity_to_answers(running, book):
    (request,) = requests_of("toil", rows(1))
    capacity = capacity_per_s(running)
    storm = Storm(running.http_port, request, rate_per_s=2 * capacity)
    with Steady(running, "calm", rows(), rate_per_s=20) as load:
        took_s = storm.run(STORM_S)
        load.settle()
    gone = lost(running, load)
    crowd = storm.crowd
    goodput = crowd.ok / took_s / capacity
    print(f"capacity {capacity:.0f}/s, goodput {goodput:.2f}, {dict(crowd.statuses)}")
    book.add(
        "clients ask twice of what is computed, each up to 3 times", load, lost=len(gone),
        back_s=None, also_sent=crowd.sent, also_failed=crowd.sent - crowd.ok,
    )  # fmt: skip
    assert goodput >= GOODPUT
    assert load.failures == [], load.words()
    assert load.client_failed == []
    assert not gone


class Counted(httpx.AsyncHTTPTransport):
    """Counts what is sent."""

    sent = 0

    async def handle_async_request(self, request):
        self.sent += 1
        return await super().handle_async_request(request)


async def ask_with_ours(port, rate_per_s, transport):
    """Ask with our client at a rate; how many asked and how many had an answer."""
    loop, tasks = asyncio.get_running_loop(), []

    async def one(client):
        try:
            await client.predict("toil", rows(1))
        except ServeError:
            return False
        return True

    async with AsyncClient(f"http://127.0.0.1:{port}", transport=transport) as client:
        began_s = loop.time()
        while (at_s := loop.time() - began_s) < STORM_S:
            while len(tasks) < at_s * rate_per_s:
                tasks.append(loop.create_task(one(client)))
            await asyncio.sleep(0.005)
        answered = await asyncio.gather(*tasks)
    return len(tasks), sum(answered)


def test_our_client_adds_little_to_what_is_too_much(running):
    capacity = capacity_per_s(running)
    transport = Counted(limits=httpx.Limits(max_connections=None))
    asked, answered = asyncio.run(ask_with_ours(running.http_port, 2 * capacity, transport))
    print(f"asked {asked}, sent {transport.sent}, answered {answered}, capacity {capacity:.0f}/s")
    assert transport.sent <= OUR_SHARE * asked + Retries().burst
    assert answered > 0


def ask_one(cluster):
    return cluster.request("/v1/models/toil:predict", {"instances": rows(1)})


def test_a_deploy_in_overload_is_done_and_only_429_is_seen(running, book):
    (request,) = requests_of("toil", rows(1))
    running.run(
        "register", "toil", "toil.skops", "--data", "train.csv", "--target", "y",
        "--code", "code/toil_code.py",
    )  # fmt: skip
    body = overloaded()
    body["applications"].append(application_of("toil", 1, version=2))
    endpoints(body)["toil"]["route"]["model"] = "toil@2"
    storm = Storm(
        running.http_port, request, rate_per_s=2 * capacity_per_s(running), timeout_s=20.0
    )
    ended = threading.Event()
    flood = threading.Thread(target=storm.run, args=(200.0, ended))
    with Steady(running, "calm", rows(), rate_per_s=20) as load:
        load.settle(1)
        flood.start()
        try:
            load.settle()
            running.deploy(body)
            load.settle()
        finally:
            ended.set()
            flood.join()
    gone = lost(running, load)
    crowd = storm.crowd
    print(dict(crowd.statuses), crowd.bodies)
    book.add(
        "a new version is deployed while clients insist", load, lost=len(gone), back_s=None,
        also_sent=crowd.sent, also_failed=crowd.sent - crowd.ok,
    )  # fmt: skip
    assert set(crowd.statuses) <= {"200", "429"}, crowd.bodies
    answers = until(
        lambda: (answer := ask_one(running)).status == 200 and answer,
        timeout_s=20, what="an answer after the flood",
    )  # fmt: skip
    assert "toil@2" in json.dumps(answers.json())
    assert {one.status for one in load.requests} <= {"200", "429"}, load.words()
    assert all(isinstance(error, Overloaded) for _, error in load.client_failed), load.words()
    assert not gone


@pytest.mark.parametrize("when", ["", ", right after they started"])
def test_two_thousand_connect_at_once(running, book, when):
    (request,) = requests_of("calm", rows(1))
    if when:
        running.deploy(overloaded(max_rows=9_000))
        pids = running.replicas("gateway")
        crowd = herd(running.http_port, request, HERD)
    else:
        pids = running.replicas("gateway")
    with Steady(running, "calm", rows(), rate_per_s=20) as load:
        if not when:
            load.settle(1)
            crowd = herd(running.http_port, request, HERD)
        load.settle()
    gone = lost(running, load)
    print(dict(crowd.statuses), f"p99 {crowd.p99_s():.2f} s", crowd.bodies)
    book.add(
        f"{HERD:,} connect at once to two gateways{when}", load, lost=len(gone), back_s=None,
        also_sent=crowd.sent, also_failed=crowd.sent - crowd.ok,
    )  # fmt: skip
    assert set(crowd.statuses) <= {"200", "429"}, crowd.bodies
    assert crowd.p99_s() < ACCEPTED_P99_S
    assert {one.status for one in load.requests} <= {"200", "429"}, load.words()
    assert load.client_failed == []
    assert set(running.replicas("gateway")) == set(pids)
    assert not gone

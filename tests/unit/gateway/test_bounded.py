"""Requests that are answered at once, wait for their turn, or are refused."""

import asyncio
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from serve_app.gateway.bounded import FULL, Bounded, RequestBounds


class Clock:
    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


class Held:
    """An application whose requests end when they are told to, each by its path."""

    def __init__(self):
        self.began = []
        self.ends = {}

    async def __call__(self, scope, receive, send):
        path = scope["path"]
        self.began.append(path)
        self.ends[path] = asyncio.get_running_loop().create_future()
        await self.ends[path]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": path.encode()})


class Asked:
    """Sends requests to an application and keeps what was answered, by path."""

    def __init__(self, bounds, clock=None):
        self.app = Held()
        self.clock = clock or Clock()
        self.counted = []
        self.bounded = Bounded(
            self.app, bounds, lambda *what: self.counted.append(what), clock=self.clock
        )
        self.answers = {}
        self.headers = {}

    def ask(self, path):
        scope = {"type": "http", "path": path, "headers": [(b"x-request-id", b"mine")]}

        async def send(message):
            if message["type"] == "http.response.start":
                self.answers[path] = message["status"]
                self.headers[path] = dict(message["headers"])
            else:
                self.headers[path]["body"] = message["body"]

        return asyncio.ensure_future(self.bounded(scope, None, send))


async def settled():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_is_beyond_the_bound_waits_in_its_order_and_the_rest_is_refused():
    asked = Asked(RequestBounds(at_once=2, waiting=2, status=429, retry_after_s=3.2))
    tasks = [asked.ask(path) for path in "abcde"]
    await settled()
    assert asked.app.began == ["a", "b"]
    assert asked.bounded.requests == 4
    assert asked.answers == {"e": 429}
    assert asked.headers["e"][b"retry-after"] == b"4"
    body = json.loads(asked.headers["e"]["body"])
    assert FULL in json.dumps(body)
    assert "mine" in json.dumps(body)
    assert asked.counted == [("http", "4xx")]
    asked.app.ends["b"].set_result(None)
    await settled()
    assert asked.app.began == ["a", "b", "c"]
    for path in "acd":
        asked.app.ends[path].set_result(None)
        await settled()
    await asyncio.gather(*tasks)
    assert asked.answers == {**dict.fromkeys("abcd", 200), "e": 429}
    assert asked.bounded.requests == 0


async def test_without_a_bound_of_those_who_wait_nobody_is_refused():
    asked = Asked(RequestBounds(at_once=1))
    tasks = [asked.ask(str(number)) for number in range(50)]
    for number in range(50):
        await settled()
        asked.app.ends[str(number)].set_result(None)
    await asyncio.gather(*tasks)
    assert set(asked.answers.values()) == {200}
    assert not asked.counted


async def test_a_wider_bound_lets_those_in_who_wait_and_a_narrower_one_ends_nobody():
    asked = Asked(RequestBounds(at_once=1))
    tasks = [asked.ask(path) for path in "abcd"]
    await settled()
    asked.bounded.follow(RequestBounds(at_once=3))
    await settled()
    assert asked.app.began == ["a", "b", "c"]
    asked.bounded.follow(RequestBounds(at_once=1))
    for path in "ab":
        asked.app.ends[path].set_result(None)
        await settled()
        assert asked.app.began == ["a", "b", "c"]
    asked.app.ends["c"].set_result(None)
    await settled()
    asked.app.ends["d"].set_result(None)
    await asyncio.gather(*tasks)
    assert asked.bounded.requests == 0


async def test_an_application_that_fails_gives_its_place_back():
    async def broken(scope, receive, send):
        raise RuntimeError("broken")

    bounded = Bounded(broken, RequestBounds(at_once=1, waiting=0), lambda *_: None, clock=Clock())
    for _ in range(3):
        with pytest.raises(RuntimeError, match="broken"):
            await bounded({"type": "http", "path": "/", "headers": []}, None, None)
    assert bounded.requests == 0


async def test_the_mean_is_over_time_and_of_the_block_alone():
    asked = Asked(RequestBounds(at_once=1))
    first, second = asked.ask("a"), asked.ask("b")
    await settled()
    asked.clock.now_s += 3.0
    asked.app.ends["a"].set_result(None)
    await settled()
    asked.clock.now_s += 1.0
    # Two for three seconds, one for one.
    assert asked.bounded.read() == pytest.approx(7 / 4)
    asked.clock.now_s += 2.0
    assert asked.bounded.read() == pytest.approx(1.0)
    asked.app.ends["b"].set_result(None)
    await asyncio.gather(first, second)
    assert asked.bounded.read() == 0.0
    asked.clock.now_s += 1.0
    assert asked.bounded.read() == 0.0


class Crowd:
    """Requests that come, end and are given up as a property test says."""

    def __init__(self, bounds):
        self.asked = Asked(bounds)
        self.tasks = []
        self.most = bounds.at_once

    def ask(self, _):
        self.tasks.append(self.asked.ask(str(len(self.tasks))))

    def running(self):
        return [end for end in self.asked.app.ends.values() if not end.done()]

    def end(self, number):
        running = self.running()
        if running:
            running[number % len(running)].set_result(None)

    def give_up(self, number):
        if self.tasks:
            self.tasks[number % len(self.tasks)].cancel()

    def bound(self, number):
        bounds = RequestBounds(at_once=number % 3 + 1, waiting=2)
        self.most = max(self.most, bounds.at_once)
        self.asked.bounded.follow(bounds)

    async def finish(self):
        """Let everybody in, and end what is answered."""
        await settled()
        self.asked.bounded.follow(RequestBounds(at_once=100))
        await settled()
        for end in self.running():
            end.set_result(None)
        async with asyncio.timeout(30):
            await asyncio.gather(*self.tasks, return_exceptions=True)


_STEPS = st.lists(
    st.tuples(st.sampled_from(["ask", "end", "give_up", "bound"]), st.integers(0, 9)), max_size=25
)


@settings(deadline=None)
@given(_STEPS, st.integers(1, 3))
@example([("ask", 0), ("ask", 0), ("give_up", 0), ("ask", 1), ("end", 0), ("give_up", 2)], 1)
def test_no_place_is_lost_or_given_twice_whoever_gives_up(steps, at_once):
    async def run():
        crowd = Crowd(RequestBounds(at_once=at_once, waiting=2))
        for step, number in steps:
            getattr(crowd, step)(number)
            # Some give up in the very moment in which their turn comes.
            if number % 3:
                await settled()
            assert len(crowd.running()) <= crowd.most
        await crowd.finish()
        assert crowd.asked.bounded.requests == 0

    asyncio.run(run())

"""Simulated clients send what their plan says, and the truth of the very row that was answered."""

import itertools
import math
import statistics
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.errors import InvalidInput, ModelFailed, NotReady, Unavailable
from serve_app.examples.clients import (
    ATTEMPTS,
    RETRY_S,
    UNREACHABLE,
    Answer,
    Case,
    Client,
    Tally,
    Timing,
    Traffic,
    together,
    visits,
)

CASES = [Case({"n": n}, "odd" if n % 2 else "even") for n in range(7)]
SEED = (3, 0, 0)


@dataclass
class World:
    """An endpoint that answers "even" to everything, and a clock that it takes time from."""

    took_s: float = 0.0
    now_s: float = 100.0
    requests: list = field(default_factory=list)
    truths: list = field(default_factory=list)
    errors: list = field(default_factory=list)
    feedback_errors: list = field(default_factory=list)

    def clock(self):
        return self.now_s

    def sleep(self, seconds):
        assert seconds > 0
        self.now_s += seconds

    def predict(self, row, subject):
        self.requests.append((self.now_s - 100.0, row, subject))
        self.now_s += self.took_s
        if self.errors and (error := self.errors.pop(0)) is not None:
            raise error
        return Answer(f"id-{len(self.requests) - 1}", "even", (f"m@{1 + subject % 2}",))

    def give_feedback(self, answer, truth):
        if self.feedback_errors and (error := self.feedback_errors.pop(0)) is not None:
            raise error
        self.truths.append((self.now_s - 100.0, answer.prediction_id, truth))

    def client(self, plan, *, stopped=lambda: False, cases=CASES, numeric=False):
        timing = Timing(self.clock, self.sleep, stopped)
        return Client(self, cases, iter(plan), timing, numeric=numeric)


def run(world, traffic=None, **options):
    plan = list(visits(traffic or Traffic(duration_s=20.0), SEED))
    client = world.client(plan, **options)
    client.run()
    return plan, client.tally


@given(
    rate=st.floats(0.5, 50),
    duration=st.floats(1, 60),
    subjects=st.integers(1, 1000),
    delay=st.floats(0, 100),
    seed=st.integers(0, 2**32),
)
def test_a_plan_is_in_order_and_within_its_bounds(rate, duration, subjects, delay, seed):
    traffic = Traffic(rate, duration, subjects, delay)
    plan = list(visits(traffic, (seed,)))
    times = [one.at_s for one in plan]
    assert times == sorted(times)
    assert all(0 < at_s < duration for at_s in times)
    assert all(0 <= one.subject < subjects for one in plan)
    assert all(0.5 * delay <= one.feedback_after_s <= 1.5 * delay for one in plan)
    # Six standard deviations of a Poisson number, and room for small means.
    assert abs(len(plan) - rate * duration) <= 6 * math.sqrt(rate * duration) + 10
    assert plan == list(visits(traffic, (seed,)))


def test_other_seeds_give_other_plans_and_so_do_clients_of_one_seed():
    plans = [
        tuple(visits(Traffic(duration_s=5.0), (seed, 0, n))) for seed in (1, 2) for n in (0, 1)
    ]
    assert len(set(plans)) == 4


def test_the_gaps_are_exponential():
    times = [one.at_s for one in visits(Traffic(10.0, 2000.0), SEED)]
    gaps = [after - before for before, after in itertools.pairwise(times)]
    # Mean and standard deviation of an exponential gap are both 1 / rate.
    assert statistics.fmean(gaps) == pytest.approx(0.1, rel=0.03)
    assert statistics.stdev(gaps) == pytest.approx(0.1, rel=0.03)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_so_many_truths_become_known(share):
    plan = list(visits(Traffic(20.0, 200.0, feedback_share=share), SEED))
    known = sum(one.feedback_after_s is not None for one in plan)
    spread = 5 * math.sqrt(len(plan) * share * (1 - share))
    assert abs(known - share * len(plan)) <= spread


def test_requests_leave_at_their_time_and_a_subject_always_has_the_same_row():
    world = World()
    plan, tally = run(world, Traffic(20.0, 60.0, subjects=40))
    sent = [at_s for at_s, _, _ in world.requests]
    assert sent == pytest.approx([one.at_s for one in plan])
    rows = {}
    for _, row, subject in world.requests:
        assert rows.setdefault(subject, row["n"]) == row["n"]
    assert set(rows.values()) == set(range(len(CASES)))
    assert tally.answered == len(plan)


def test_each_answer_gets_the_truth_of_its_row_once_and_in_its_time():
    world = World()
    plan, tally = run(world)
    told = {identity: (at_s, truth) for at_s, identity, truth in world.truths}
    assert len(told) == len(world.truths) == len(plan) == tally.feedback
    for number, (visit, (at_s, row, _)) in enumerate(zip(plan, world.requests, strict=True)):
        known_s, truth = told[f"id-{number}"]
        assert truth == ("odd" if row["n"] % 2 else "even")
        assert known_s - at_s == pytest.approx(visit.feedback_after_s)


def test_a_slow_endpoint_is_sent_everything_one_after_the_other():
    world = World(took_s=0.5)
    plan, tally = run(world, Traffic(10.0, 20.0))
    times = [at_s for at_s, _, _ in world.requests]
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert min(gaps) > 0.499
    assert len(world.requests) == len(world.truths) == len(plan)
    assert tally.to_json()["variants"]["m@1"]["median_s"] == pytest.approx(0.5)


def test_what_was_seen_is_counted_by_who_answered():
    world = World()
    _, tally = run(world)
    seen = tally.to_json()["variants"]
    for variant in ("m@1", "m@2"):
        rows = [row["n"] for _, row, subject in world.requests if f"m@{1 + subject % 2}" == variant]
        assert seen[variant]["requests"] == len(rows)
        assert seen[variant]["mean_error"] == pytest.approx(statistics.fmean(n % 2 for n in rows))
        assert seen[variant]["share"] == pytest.approx(len(rows) / len(world.requests))


def test_the_error_of_numbers_is_their_distance():
    world = World()
    world.predict = lambda *_: Answer("id", 5.0, ("m@1",))
    _, tally = run(world, cases=[Case({}, 2.0)], numeric=True)
    assert tally.to_json()["variants"]["m@1"]["mean_error"] == 3.0


def test_feedback_that_is_not_taken_now_is_sent_again_and_counts_once():
    one = list(visits(Traffic(duration_s=20.0), SEED))[:1]
    world = World(feedback_errors=[Unavailable("later"), Unavailable("later")])
    client = world.client(one)
    client.run()
    assert (client.tally.feedback, client.tally.feedback_failures.total()) == (1, 0)
    ((sent_s, identity, _),) = world.truths
    assert identity == "id-0"
    assert sent_s == pytest.approx(one[0].at_s + one[0].feedback_after_s + 2 * RETRY_S)


def test_feedback_that_is_never_taken_is_given_up():
    world = World(feedback_errors=[Unavailable("later")] * ATTEMPTS)
    one = list(visits(Traffic(duration_s=20.0), SEED))[:1]
    client = world.client(one)
    client.run()
    assert (client.tally.feedback, dict(client.tally.feedback_failures)) == (
        0,
        {Unavailable.code: 1},
    )


@pytest.mark.parametrize("error", [InvalidInput("no such column"), NotReady("nobody there")])
def test_what_cannot_work_at_all_ends_a_client_at_its_first_request(error):
    with pytest.raises(type(error)):
        run(World(errors=[error]))


def test_failures_later_on_are_counted_and_get_no_feedback():
    world = World(errors=[None, ModelFailed("it cannot"), InvalidInput("out of range"), None])
    plan, tally = run(world)
    assert dict(tally.failures) == {ModelFailed.code: 1, InvalidInput.code: 1}
    assert tally.feedback == tally.answered == len(plan) - 2


def test_a_server_that_went_away_ends_a_client():
    world = World(errors=[None, *[NotReady("nobody there")] * UNREACHABLE])
    with pytest.raises(NotReady):
        run(world)
    assert len(world.requests) == 1 + UNREACHABLE


def test_who_is_to_stop_sends_nothing_more():
    world = World()
    run(world, stopped=lambda: len(world.requests) >= 5)
    assert len(world.requests) == 5


def test_what_several_clients_saw_adds_up():
    first, second = Tally(feedback=1), Tally(feedback=2)
    first.add(("a@1",), 0.0, 0.1)
    second.add(("a@1",), 1.0, 0.3)
    second.add(("a@1", "b@1"), 1.0, 0.3)
    second.failures["not_ready"] += 2
    whole = together([first, second]).to_json()
    assert (whole["answered"], whole["feedback"], whole["failed"]) == (3, 3, {"not_ready": 2})
    assert whole["variants"]["a@1"] == {
        "requests": 2, "share": pytest.approx(2 / 3), "mean_error": 0.5,
        "median_s": pytest.approx(0.2),
    }  # fmt: skip
    assert whole["variants"]["a@1, b@1"]["requests"] == 1

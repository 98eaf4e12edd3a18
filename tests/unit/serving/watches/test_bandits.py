"""From a request to its feedback to the shares of the next ones, without Ray."""

import asyncio
import json
import random

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from serve_app.control.snapshots import Snapshots
from serve_app.core.feedback import Feedback
from serve_app.engine.assemble import Assembler
from serve_app.engine.load import load
from serve_app.engine.local import LocalModels
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import RegistryFailed
from serve_app.monitoring.bandit_rewards import learned_name
from serve_app.serving.route_learning import RouteLearning
from serve_app.storage.monitor_state import MonitorState
from serve_app.storage.snapshots import SnapshotStore
from tests.unit.serving.monitor_house import House, people


def truth_of(frame):
    return np.where(frame["age"] + 5 * frame["dose"] > 50, "ill", "well")


class BanditHouse(House):
    """Of two arms, of which risk@1 is right and risk@2 is wrong nearly always."""

    def __init__(self, folder, **route):
        super().__init__(folder)
        frame = people(4_000, 1)
        wrong = np.where(truth_of(frame) == "ill", "well", "ill")
        candidate = Candidate("risk", LogisticRegression().fit(frame, wrong), frame)
        register(self.registry, candidate, compile="never")
        variants = [{"model": "risk@1"}, {"model": "risk@2"}]
        route = {"kind": "bandit", "policy": "thompson", "variants": variants, **route}
        self.settings = {"risk": {"route": route, "monitoring": {"key": "order_id"}}}
        self.settle()
        loaded = {f"risk@{n}": load(self.registry, "risk", n).model for n in (1, 2)}
        models = LocalModels(loaded, clock=self.clock)
        draw = random.Random(5).random
        self.assembler = Assembler(replicas=models, inline=models, clock=self.clock, draw=draw)
        self.serve()
        self.state = MonitorState(self.args.state)

    def learn(self):
        """Control takes what the monitor added up, and the gateway what control says."""
        snapshots = Snapshots(SnapshotStore(self.args.state))
        asyncio.run(RouteLearning(snapshots, self.state).look())
        self.snapshot = snapshots.current
        self.serve()

    def weights(self):
        return self.snapshot.endpoints["risk"].route.weights

    def decide(self, work, rows=30, seed=0):
        """Ask row by row; the answers with what would have been right."""
        frame = people(rows, seed)
        answers = [self.ask(frame.iloc[[at]]) for at in range(rows)]
        self.deliver(work)
        return list(zip(answers, truth_of(frame).tolist(), strict=True))

    def label(self, work, decided):
        work.keep(
            [Feedback("risk", one.prediction_id, json.dumps(right)) for one, right in decided]
        )

    def add_up(self, work):
        self.now_s += 15
        work.match()
        work.watch("bandits").run()
        return (self.state.load(learned_name("risk")) or {}).get("arms", {})


@pytest.fixture
def house(tmp_path):
    return BanditHouse(tmp_path, floor=0.05)


def test_shares_move_to_the_arm_that_is_right(house):
    work = house.monitor()
    assert house.weights() == {"risk@1": 1.0, "risk@2": 1.0}
    decided = house.decide(work)
    often = [one.answer.variants[0] for one, _ in decided]
    house.label(work, decided)
    arms = house.add_up(work)
    right = sum(one.answer.prediction.values[0] == truth for one, truth in decided)
    assert sum(arm["reward"] for arm in arms.values()) == right
    assert {name: arm["decisions"] for name, arm in arms.items()} == {
        name: often.count(name) for name in ("risk@1", "risk@2")
    }
    house.learn()
    assert house.weights() == pytest.approx({"risk@1": 0.95, "risk@2": 0.05}, abs=0.01)
    later = house.decide(work, 100, seed=2)
    share = sum(one.answer.variants[0] == "risk@1" for one, _ in later) / 100
    assert share > 0.8
    report = work.watch("bandits").report("risk", 60.0)
    assert [(one["version"], one["policy"], one["decisions"]) for one in report] == [
        (name, "thompson", often.count(name)) for name in ("risk@1", "risk@2")
    ]
    assert [one["share"] for one in report] == pytest.approx([0.95, 0.05], abs=0.01)


def test_a_reward_that_is_not_known_yet_is_none(house):
    work = house.monitor()
    decided = house.decide(work)
    house.label(work, decided[:10])
    arms = house.add_up(work)
    assert sum(arm["decisions"] for arm in arms.values()) == 10
    house.label(work, decided[10:])
    arms = house.add_up(work)
    assert sum(arm["decisions"] for arm in arms.values()) == 30


def test_what_is_said_twice_counts_once_and_the_last_word_counts(house):
    work = house.monitor()
    decided = house.decide(work, 12)
    house.label(work, decided)
    first = house.add_up(work)
    house.label(work, decided)
    assert house.add_up(work) == first
    turned = [(one, "well" if right == "ill" else "ill") for one, right in decided]
    house.now_s += 1
    house.label(work, turned)
    then = house.add_up(work)
    for name, arm in first.items():
        assert then[name]["decisions"] == arm["decisions"]
        assert then[name]["reward"] == arm["decisions"] - arm["reward"]


def test_a_monitor_that_starts_again_adds_up_the_same(house):
    work = house.monitor()
    house.label(work, house.decide(work, 12))
    first = house.add_up(work)
    house.state.save(learned_name("risk"), {"features": [], "arms": {}})
    assert house.add_up(house.monitor()) == first


def test_nothing_is_added_up_again_while_no_feedback_comes(house, monkeypatch):
    work = house.monitor()
    house.label(work, house.decide(work, 12))
    house.add_up(work)
    watch = work.watch("bandits")
    monkeypatch.setattr(watch, "_earned", lambda *_: pytest.fail("nothing came"))
    house.now_s += 60
    watch.run()


def test_rewards_that_cannot_be_kept_are_added_up_later(house, monkeypatch):
    work = house.monitor()
    house.label(work, house.decide(work, 12))
    watch = work.watch("bandits")

    def refuse(*_):
        raise RegistryFailed("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(MonitorState, "save", refuse)
        with pytest.raises(RegistryFailed, match="the disk is full"):
            house.add_up(work)
    watch.run()
    arms = house.state.load(learned_name("risk"))["arms"]
    assert sum(arm["decisions"] for arm in arms.values()) == 12


def test_decisions_of_before_the_window_do_not_count(tmp_path):
    house = BanditHouse(tmp_path, window_days=1)
    work = house.monitor()
    house.label(work, house.decide(work, 12))
    assert sum(arm["decisions"] for arm in house.add_up(work).values()) == 12
    house.now_s += 2 * 86_400
    assert house.add_up(work) == {}


@pytest.mark.parametrize(
    ("settings", "least"),
    [({"policy": "linucb", "alpha": 0.3}, 0.85), ({"policy": "vowpal_wabbit"}, 0.75)],
)
def test_contextual_policies_learn_from_recorded_contexts(tmp_path, settings, least):
    """risk@1 knows the old and risk@2 the young: each truth is made so."""
    house = BanditHouse(tmp_path, features=["age"], floor=0.05, **settings)
    work = house.monitor()
    decided = house.decide(work, 150)
    frame = people(150, 0)
    for (one, _), age in zip(decided, frame["age"], strict=True):
        knows = ("risk@1" if age > 50 else "risk@2") == one.answer.variants[0]
        said = one.answer.prediction.values[0]
        right = said if knows else "nobody"
        house.label(work, [(one, right)])
    arms = house.add_up(work)
    assert sum(arm["decisions"] for arm in arms.values()) == 150
    house.learn()
    frame = people(60, 9)
    ages = frame["age"].to_numpy()
    answers = [house.ask(frame.iloc[[at]]).answer.variants[0] for at in range(60)]
    clear = np.abs(ages - 50) > 5
    best = np.where(ages > 50, "risk@1", "risk@2")
    assert (np.array(answers) == best)[clear].mean() > least
    assert [one["share"] for one in work.watch("bandits").report(None, 60.0)] == [None, None]


def test_shares_are_metrics_and_kept_over_time(house):
    work = house.monitor()
    watch = work.watch("bandits")
    assert list(watch.samples()) == []
    watch.run()
    decided = house.decide(work, 60)
    house.label(work, decided)
    house.now_s += 60
    house.add_up(work)
    samples = {(one.metric.name, one.labels[1]): one.value for one in watch.samples()}
    often = [one.answer.variants[0] for one, _ in decided].count("risk@1")
    assert samples["serve_app_bandit_decisions", "risk@1"] == often
    assert samples["serve_app_bandit_share_ratio", "risk@1"] == pytest.approx(0.95, abs=0.01)
    right = np.mean(
        [
            one.answer.prediction.values[0] == truth
            for one, truth in decided
            if one.answer.variants[0] == "risk@1"
        ]
    )
    assert samples["serve_app_bandit_reward_mean", "risk@1"] == pytest.approx(right)
    first, _ = watch.report("risk", 60.0)
    course = first["shares_over_time"]
    assert [one["share"] for one in course] == [
        0.5,
        samples["serve_app_bandit_share_ratio", "risk@1"],
    ]
    assert course[-1]["at_s"] == house.now_s
    # Another monitor goes on where this one was.
    again = house.monitor().watch("bandits")
    again.run()
    assert again.report("risk", 60.0) == watch.report("risk", 60.0)


def test_arms_have_the_value_of_always_being_chosen(house):
    work = house.monitor()
    decided = house.decide(work, 80)
    house.label(work, decided)
    house.add_up(work)
    by_name = {one["version"]: one for one in work.watch("bandits").report("risk", 60.0)}
    value = by_name["risk@1"]["value_if_always_chosen"]
    # Each was chosen half of the time, so that weights are equal.
    own = [
        one.answer.prediction.values[0] == truth
        for one, truth in decided
        if one.answer.variants[0] == "risk@1"
    ]
    assert value["value"] == pytest.approx(np.mean(own[1:]))
    assert 0.3 < value["low"] < value["value"] <= value["high"]
    assert value["effective_sample_size"] == pytest.approx(len(own) - 1)
    other = by_name["risk@2"]["value_if_always_chosen"]
    assert other["value"] < 0.2

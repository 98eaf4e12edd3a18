"""From a shop's log to a route that learns which way of choosing items earns more."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import skops.io
from sklearn.dummy import DummyClassifier

from examples.case_study.command import Outcome, Study
from examples.case_study.page import gates, table
from examples.case_study.session import CaseStudyError, Session
from examples.recommendations import pictures
from examples.recommendations.customers import customers_like
from examples.recommendations.live import ENDPOINT, Shown, learned
from examples.recommendations.log import (
    CAMPAIGNS,
    FEATURES,
    POSITIONS,
    RANDOM,
    THOMPSON,
    Campaign,
    Log,
    read_log,
)
from examples.recommendations.offline import (
    Offline,
    Shares,
    earned,
    offline,
    shares_by_position,
)
from examples.recommendations.replay import Replayed, replayed, rewards
from serve_app.experiments.interval import Interval
from serve_app.experiments.off_policy import PolicyValue

CAMPAIGN: Campaign = "men"
FIRST = 5_000
"""Impressions that are known at first."""
LIVE = 4_000
EVERY, SEEDS = 200, range(5)
_HALF = 0.5
EVEN = "even@1"
_FILES = Path(__file__).parent
_POLICIES: Mapping[str, Mapping[str, Any]] = {
    "thompson": {},
    "linucb": {"features": ("position",)},
}


def run(session: Session) -> Outcome:
    """Judge by the log, train, judge what was trained, replay the route, and let it learn live."""
    random, thompson = read_log(CAMPAIGN, RANDOM), read_log(CAMPAIGN, THOMPSON)
    _write(session, random, thompson)
    session.json("retrain", "start", "shop.yaml", "--reason", "the first half of the week")
    first = _shares(session, "shop@1", "first-shares", random)
    _items(thompson).tail(len(thompson) - FIRST).to_csv(
        session.folder / "log" / "2-later.csv", index=False
    )
    retrained = session.json(
        "retrain", "start", "shop.yaml", "--reason", "the other half", codes=(0, 1)
    )
    champion = f"shop@{retrained['challenger'] if retrained['state'] == 'PROMOTED' else 1}"
    shares = {"shop@1": first, champion: _shares(session, champion, "shares", random)}
    _register_even(session, thompson)
    even = np.full_like(first, 1.0 / random.items)
    values = {name: offline(random, one) for name, one in {EVEN: even, **shares}.items()}
    customers = customers_like((random, thompson), random, seed=20)
    arms = {EVEN: even, champion: shares[champion]}
    real = _replays(random, {name: rewards(random, one) for name, one in arms.items()})
    often = _replays(random, {name: customers.clicks(one) for name, one in arms.items()})
    session.start_cluster(_FILES / "live.yaml")
    _check(session, learned(session, customers, LIVE), champion)
    blocks = {
        "campaigns": _campaigns(),
        "gates": gates(retrained),
        "offline": _offline(values),
        "replays": _replay_table(real, often, champion),
    }
    drawn = {
        "offline": pictures.offline(values, earned(thompson)),
        "replay": pictures.replay(real, often, champion),
    }
    return Outcome(blocks, drawn, _next_steps(session, random))


STUDY = Study(
    "recommendations",
    "What to show, by 46 clicks and by a route that learns.",
    run,
    on_cluster=True,
)


def _items(log: Log) -> pd.DataFrame:
    """What was known at each impression, and which item was shown."""
    return log.rows.assign(item=[f"item-{number:02d}" for number in log.item])


def _write(session: Session, random: Log, thompson: Log) -> None:
    shutil.copy2(_FILES / "shop.yaml", session.folder)
    (session.folder / "log").mkdir()
    _items(thompson).head(FIRST).to_csv(session.folder / "log" / "1-first.csv", index=False)
    random.rows.drop(columns="shown_at").to_csv(session.folder / "random.csv", index=False)


def _shares(session: Session, version: str, out: str, log: Log) -> Shares:
    """What a version would show at each impression of the log of random choices: a batch job."""
    session.serve_app(
        "predict", version, "--local", "--data", "random.csv", "--out", out, "--id", "impression"
    )
    answers = pd.read_csv(session.folder / out / "part-00000.csv")
    names = [f"probability_item-{number:02d}" for number in range(log.items)]
    shares: Shares = answers[names].to_numpy(float)
    return shares


def _register_even(session: Session, thompson: Log) -> None:
    """A version that chooses all items alike, as the log of random choices did."""
    frame = _items(thompson)[[*FEATURES, "item"]]
    frame.to_csv(session.folder / "even.csv", index=False)
    fitted = DummyClassifier(strategy="uniform", random_state=20)
    fitted.fit(frame[list(FEATURES)], frame["item"])
    skops.io.dump(fitted, session.folder / "even.skops")
    session.serve_app("register", "even", "even.skops", "--data", "even.csv", "--target", "item")


def _replays(
    log: Log, by_arm: Mapping[str, np.ndarray[Any, np.dtype[np.float64]]]
) -> dict[str, list[Replayed]]:
    """What each policy does with the same impressions, some times with other draws."""
    high = float(np.ceil(max(one.max() for one in by_arm.values())))
    common = {"floor": 0.05, "reward": {"kind": "value", "low": 0.0, "high": high}}
    return {
        policy: [
            replayed(log, by_arm, {**common, **settings, "policy": policy}, every=EVERY, seed=seed)
            for seed in SEEDS
        ]
        for policy, settings in _POLICIES.items()
    }


def _check(session: Session, seen: Shown, champion: str) -> None:
    """What a live route learns depends on the time that it takes; that it learns does not.

    Raises:
        CaseStudyError: it did not come to prefer the arm that earned more.
    """
    clicks = {
        arm: np.mean([one for one, by in zip(seen.clicks, seen.arms, strict=True) if by == arm])
        for arm in sorted(set(seen.arms))
    }
    share = seen.share_of(champion, last=LIVE // 4)
    for arm, mean in clicks.items():
        session.say(f"live: {arm} was clicked {mean:.1%} of {seen.arms.count(arm):,} times")
    session.say(f"live: of the last {LIVE // 4:,} impressions {share:.0%} went to {champion}")
    if share <= _HALF:
        raise CaseStudyError(f"the route did not come to prefer {champion}: {share:.0%} of {LIVE}")


def _campaigns() -> str:
    rows = []
    for campaign in CAMPAIGNS:
        random, thompson = read_log(campaign, RANDOM), read_log(campaign, THOMPSON)
        said = offline(random, shares_by_position(thompson)[random.position])
        came = earned(thompson)
        values = (earned(random), said.inverse_propensity, said.self_normalised)
        rows.append(
            [
                f"{campaign}, {random.items} items",
                *(_value(one) for one in (*values, said.doubly_robust, came)),
            ]
        )
    head = ["clicks per 1,000", "random", "IPS", "SNIPS", "doubly robust", "Thompson sampling"]
    return table(head, rows)


def _offline(values: Mapping[str, Offline]) -> str:
    rows = [
        [
            f"`{name}`",
            *(_value(one) for one in (said.inverse_propensity, said.self_normalised)),
            _value(said.doubly_robust),
            _between(said.bounds),
            f"{said.self_normalised.effective_sample_size:,.0f}",
        ]
        for name, said in values.items()
    ]
    head = ["clicks per 1,000", "IPS", "SNIPS", "doubly robust", "bounds", "worth impressions"]
    return table(head, rows)


def _value(one: PolicyValue) -> str:
    return f"{one.value * 1_000:.1f} ({_between(one.interval)})"


def _between(interval: Interval) -> str:
    return f"{interval.lower * 1_000:.1f} to {interval.upper * 1_000:.1f}"


def _replay_table(
    real: Mapping[str, list[Replayed]], often: Mapping[str, list[Replayed]], champion: str
) -> str:
    rows = []
    for words, replays in (("the log's clicks", real), ("30 times as many", often)):
        for policy, runs in replays.items():
            shares = [one.share_of(champion, last=1_000) for one in runs]
            rows.append([words, f"`{policy}`", *(f"{share:.0%}" for share in sorted(shares))])
    head = ["customers", "policy", "least", "", "median", "", "most"]
    return table(head, rows)


def _next_steps(session: Session, random: Log) -> tuple[str, ...]:
    file = session.folder / "one.json"
    rows = [{**random.rows[list(FEATURES)].iloc[0].to_dict(), "position": at + 1}
            for at in range(POSITIONS)]  # fmt: skip
    file.write_text(json.dumps({"instances": rows[:1]}, default=int))
    url = f"http://127.0.0.1:{session.port}/v1/models/{ENDPOINT}"
    state = session.folder / "state"
    return (
        f"curl -s {url}:predict -H 'content-type: application/json' -d @{file}",
        f"serve-app monitor watch bandits {ENDPOINT} --state {state}",
        f"serve-app endpoints list --state {state}",
    )

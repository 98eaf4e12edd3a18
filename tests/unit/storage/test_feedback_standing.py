"""What stands after all that was received, whatever the order."""

import functools

from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.feedback import Feedback
from serve_app.storage import feedback_standing as standing

TRUTHS = st.none() | st.sampled_from(["[0]", "[1]", "[1.0]"])
REWARDS = st.none() | st.sampled_from([0.0, 0.5])
NAMES = st.sampled_from([(), ("a@1",), ("b@2",)])
WORDS = st.lists(
    st.tuples(TRUTHS, REWARDS, NAMES).filter(lambda one: one[:2] != (None, None)),
    min_size=1,
    max_size=8,
)


def after(items, at_s=1e6):
    """What stands once items came in an order."""
    first, *rest = items
    return functools.reduce(
        lambda now, item: standing.added(now, item, at_s).standing,
        rest,
        standing.begun(first, at_s),
    )


@given(words=WORDS, data=st.data())
def test_items_that_say_when_may_come_in_any_order_and_any_number_of_times(words, data):
    items = [
        Feedback("risk", "p", truth, reward, variants, label_at_s=float(place))
        for place, (truth, reward, variants) in enumerate(words)
    ]
    again = data.draw(st.lists(st.sampled_from(items), max_size=6))
    order = data.draw(st.permutations([*items, *again]))
    assert after(order) == after(items)


@given(words=WORDS)
def test_the_newest_truth_and_the_newest_reward_stand(words):
    items = [
        Feedback("risk", "p", truth, reward, label_at_s=float(place))
        for place, (truth, reward, _) in enumerate(words)
    ]
    now = after(items)
    truths = [one.truth_json for one in items if one.truth_json is not None]
    rewards = [one.reward for one in items if one.reward is not None]
    assert (now.truth.value if now.truth else None) == (truths[-1] if truths else None)
    assert (now.reward.value if now.reward else None) == (rewards[-1] if rewards else None)
    assert (now.first_at_s, now.before_s) == (0.0, float(len(items) - 1))


def test_nobody_knows_later_than_it_is_received():
    assert standing.time_of(Feedback("risk", "p", "1", label_at_s=9e9), 100.0) == 100.0
    assert standing.time_of(Feedback("risk", "p", "1", label_at_s=50.0), 100.0) == 50.0
    assert standing.time_of(Feedback("risk", "p", "1"), 100.0) == 100.0


def test_identities_are_those_of_predictions():
    about = functools.partial(Feedback, "risk", truth_json="1")
    assert standing.identity(about()) is None
    names = [
        about("p"), about("p", row=0), about("p", row=1), about("0:p"), about(key="p"),
        about("x" * 10_000), about(key="x" * 10_000),
    ]  # fmt: skip
    identities = [standing.identity(one) for one in names]
    assert len(set(identities)) == len(names)
    assert all(len(one) <= 500 for one in identities)
    assert standing.identity(about("p", key="k")) == standing.identity(about("p"))

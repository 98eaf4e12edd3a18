"""Explanations as they travel: cut, joined, turned to an endpoint's labels, and averaged."""

import pickle

import numpy as np
import pytest

from serve_app.core.explanation import Explanation, Origins, aligned, folded, joined, mean_of
from serve_app.errors import InvalidInput


def explained(rows=4, classes=("yes",), space="log_odds", features=("a", "b"), seed=0, **more):
    draw = np.random.default_rng(seed)
    outputs = max(1, len(classes))
    return Explanation(
        features,
        draw.normal(size=(rows, len(features), outputs)),
        draw.normal(size=(rows, outputs)),
        more.pop("methods", ("linear",)),
        space,
        classes,
    )


def test_parts_of_rows_are_the_whole_again():
    whole = explained()
    again = joined([whole.slice(0, 1), whole.slice(1, 3), whole.slice(3, 4)])
    assert again.contributions.tolist() == whole.contributions.tolist()
    assert again.base.tolist() == whole.base.tolist()
    assert joined([whole]) is whole
    assert pickle.loads(pickle.dumps(whole)).outputs.tolist() == whole.outputs.tolist()


def test_outputs_are_the_base_and_all_contributions():
    whole = Explanation(
        ("a", "b"), np.array([[[1.0], [-3.0]]]), np.array([[0.5]]), ("linear",), "value"
    )
    assert whole.outputs.tolist() == [[-1.5]]


def test_what_speaks_for_one_of_two_classes_speaks_against_the_other():
    own = explained(classes=("yes",))
    assert aligned(own, ("no", "yes")) is own
    turned = aligned(own, ("yes", "no"))
    assert turned.classes == ("no",)
    assert turned.outputs == pytest.approx(-own.outputs)
    share = explained(classes=("yes",), space="probability")
    assert aligned(share, ("yes", "no")).outputs == pytest.approx(1 - share.outputs)


def test_several_classes_stand_in_the_order_of_the_endpoint():
    own = explained(classes=("x", "y", "z"))
    turned = aligned(own, ("z", "x", "y"))
    assert turned.classes == ("z", "x", "y")
    assert turned.outputs.tolist() == own.outputs[:, [2, 0, 1]].tolist()
    assert turned.contributions.tolist() == own.contributions[:, :, [2, 0, 1]].tolist()


def test_the_mean_of_several_adds_up_to_the_mean_of_their_outputs():
    one, other = explained(seed=1), explained(seed=2, methods=("tree_shap",))
    mean = mean_of([("b@1", 1.0, one), ("a@1", 3.0, other)])
    assert mean.outputs == pytest.approx((one.outputs + 3 * other.outputs) / 4)
    assert mean.methods == ("linear", "tree_shap")
    again = mean_of([("a@1", 3.0, other), ("b@1", 1.0, one)])
    assert again.contributions.tobytes() == mean.contributions.tobytes()
    assert mean_of([("a@1", 3.0, one)]) is one


def test_members_may_have_their_columns_in_other_orders():
    one = explained(seed=1)
    turned = Explanation(
        ("b", "a"), one.contributions[:, ::-1], one.base, ("linear",), "log_odds", ("yes",)
    )
    mean = mean_of([("a@1", 1.0, one), ("b@1", 1.0, turned)])
    assert mean.contributions == pytest.approx(one.contributions)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"space": "probability"}, "in the same terms"),
        ({"features": ("a", "c")}, "different columns"),
        ({"classes": ("no",)}, "different classes"),
    ],
)
def test_members_that_are_explained_otherwise_are_refused_in_words(other, words):
    with pytest.raises(InvalidInput, match=words) as refused:
        mean_of([("a@1", 1.0, explained()), ("b@1", 1.0, explained(**other))])
    assert "a@1" in refused.value.message
    assert refused.value.details["known"] == ["a@1", "b@1"]


def test_raw_scores_of_several_models_do_not_compare():
    raw = explained(space="raw_score")
    with pytest.raises(InvalidInput, match="raw scores"):
        mean_of([("a@1", 1.0, raw), ("b@1", 1.0, raw)])


def test_parts_of_features_are_added_up_by_the_columns_that_they_are_made_of():
    whole = explained(features=("town_Bonn", "age", "town_Ulm"))
    origins = Origins({"town_Bonn": "town", "town_Ulm": "town", "age": "age"})
    made = folded(whole, origins.slice(0, 1), ("id", "age", "town"))
    assert made.features == ("id", "age", "town")
    assert made.contributions[:, 0].tolist() == [[0.0]] * 4
    assert made.contributions[:, 1].tolist() == whole.contributions[:, 1].tolist()
    towns = whole.contributions[:, 0] + whole.contributions[:, 2]
    assert made.contributions[:, 2] == pytest.approx(towns)
    assert made.outputs == pytest.approx(whole.outputs)
    with pytest.raises(KeyError):
        folded(whole, Origins({"age": "age"}), ("age",))

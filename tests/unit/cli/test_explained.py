"""Explanations as people read them."""

from serve_app.cli.explained import explanation_heads, explanation_rows


def test_what_adds_most_stands_first_whichever_way_it_adds():
    parts = {"a": 0.1, "b": -2.0, "c": 0.0, "d": 1.5, "e": 0.2, "f": 0.3, "g": 0.4}
    one = {"output": 0.5, "base_value": 0.0, "contributions": parts}
    answer = {
        "predictions": ["ill"], "explanations": [one], "space": "log_odds",
        "explained_class": "ill",
    }  # fmt: skip
    assert explanation_heads(answer) == ["log odds of ill", "without features", "what adds most"]
    assert explanation_rows(answer) == [["0.5", "0", "b -2, d +1.5, g +0.4, f +0.3, e +0.2"]]


def test_of_several_classes_the_one_that_is_predicted_is_shown():
    def by_class(x, y):
        return {"1": x, "true": y}

    one = {
        "output": by_class(1.0, 2.0), "base_value": by_class(0.5, 0.25),
        "contributions": {"a": by_class(0.5, 1.75), "b": by_class(0.0, 0.0)},
    }  # fmt: skip
    answer = {"predictions": [True, 1, "z"], "explanations": [one] * 3, "space": "probability"}
    assert explanation_heads(answer)[0] == "probability"
    assert explanation_rows(answer) == [
        ["2", "0.25", "a +1.75"],
        ["1", "0.5", "a +0.5"],
        ["1", "0.5", "a +0.5"],
    ]

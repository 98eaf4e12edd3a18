"""Clients of an endpoint get the held-out rows of the data that it was made for."""

import pytest

from serve_app.examples.cases import held_out_cases
from serve_app.examples.datasets import breast_cancer, diabetes, wine


@pytest.mark.parametrize("load", [breast_cancer, diabetes, wine])
def test_rows_and_truths_are_those_of_the_part_that_was_held_out(load):
    data = load()
    kind = "classification" if data.labels else "regression"
    signature = {
        "inputs": [{"name": name} for name in data.frame.columns],
        "output": {"kind": kind, "labels": list(data.labels)},
    }
    cases = held_out_cases(signature)
    _, held_out = data.parts()
    truth = held_out.named_target if held_out.labels else held_out.target
    assert [one.truth for one in cases] == truth.tolist()
    assert [list(one.row.values()) for one in cases] == held_out.frame.to_numpy().tolist()


def test_nothing_fits_an_endpoint_of_other_columns_or_other_classes():
    columns = [{"name": name} for name in wine().frame.columns]
    output = {"kind": "classification", "labels": ["cultivar_1", "cultivar_2", "cultivar_3"]}
    assert held_out_cases({"inputs": columns, "output": output})
    assert not held_out_cases({"inputs": [{"name": "age"}], "output": output})
    assert not held_out_cases({"inputs": columns, "output": {**output, "labels": ["a", "b"]}})
    assert not held_out_cases({"inputs": columns, "output": {"kind": "regression"}})
    assert not held_out_cases({"inputs": [], "output": output})

"""Rows of the example data that none of the example models has seen, and what is true of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from serve_app.examples.clients import Case
from serve_app.examples.datasets import Dataset, breast_cancer, diabetes, wine

DATASETS = (breast_cancer, diabetes, wine)


def held_out_cases(signature: Mapping[str, Any]) -> list[Case]:
    """Those of the data set that fits the signature of an endpoint; none where none does.

    `signature` is as `/v1/endpoints` shows it: `inputs` with names, and `output` with its kind
    and, of classes, `labels`.
    """
    for load in DATASETS:
        data = load()
        if _fits(data, signature):
            _, held_out = data.parts()
            return _cases(held_out)
    return []


def _fits(data: Dataset, signature: Mapping[str, Any]) -> bool:
    names = {column["name"] for column in signature["inputs"]}
    output = signature["output"]
    kind = "classification" if data.labels else "regression"
    labels: Sequence[Any] = output.get("labels") or ()
    return (
        bool(names)
        and names <= set(data.frame.columns)
        and output.get("kind") == kind
        and set(labels) == set(data.labels)
    )


def _cases(data: Dataset) -> list[Case]:
    rows = data.frame.to_dict(orient="records")
    truth = data.named_target if data.labels else data.target
    return [
        Case({str(name): value for name, value in row.items()}, true)
        for row, true in zip(rows, truth.tolist(), strict=True)
    ]

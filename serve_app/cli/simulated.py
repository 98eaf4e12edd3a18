"""Endpoints that simulated clients ask over HTTP, and what these saw, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from serve_app.cli import output
from serve_app.cli.rows import read_rows, without
from serve_app.cluster import web
from serve_app.errors import InvalidInput, NotFound
from serve_app.examples.clients import Answer, Case, Tally
from serve_app.examples.crowd import Target

_HEADER = "header:"
_KINDS = ("classification", "regression")
_HEADS = ["endpoint", "answered by", "requests", "share", "mean error", "median time"]


class HttpEndpoint:
    """An endpoint of a gateway.

    With `key` each request says whose it is: in the `parameters`, or in the header that it names.
    """

    def __init__(self, base: str, name: str, key: str | None, *, numeric: bool) -> None:
        self._url = f"{base}/v1/models/{name}"
        self._key = key
        self._numeric = numeric

    def predict(self, row: Mapping[str, Any], subject: int) -> Answer:
        """Ask about a row of somebody; raises as `web.post` does."""
        body: dict[str, Any] = {"instances": [dict(row)]}
        headers: dict[str, str] = {}
        who = f"p-{subject}"
        if self._key is not None and self._key.startswith(_HEADER):
            headers[self._key.removeprefix(_HEADER).strip()] = who
        elif self._key is not None:
            body["parameters"] = {self._key: who}
        url = f"{self._url}:predict"
        answer = web.post(url, body, keys=("predictions", "prediction_id"), headers=headers)
        with web.understood(url):
            (value,) = answer["predictions"]
            return Answer(answer["prediction_id"], value, tuple(answer["variants"]))

    def give_feedback(self, answer: Answer, truth: Any) -> None:
        """Send what was true; of a class also the reward, 1 where it was predicted and else 0."""
        item: dict[str, Any] = {
            "prediction_id": answer.prediction_id,
            "truth": [truth],
            "variants": list(answer.variants),
        }
        if not self._numeric:
            item["reward"] = float(answer.value == truth)
        web.post(f"{self._url}:feedback", item)


def standing(base: str) -> dict[str, dict[str, Any]]:
    """The endpoints of a gateway by their names; raises as `web.get` does."""
    listing = web.get(f"{base}/v1/endpoints", keys=("endpoints",))
    with web.understood(base):
        return {one["name"]: one for one in listing["endpoints"]}


def target_of(
    base: str, endpoint: Mapping[str, Any], cases: Sequence[Case], key: str | None
) -> Target:
    """An endpoint as it is listed, with what it is sent; `key` in place of its route's own."""
    name = endpoint["name"]
    numeric = endpoint["signature"]["output"]["kind"] == "regression"
    sticks_to = endpoint["key"] if key is None else key
    return Target(name, HttpEndpoint(base, name, sticks_to, numeric=numeric), cases, numeric)


def example_cases(endpoint: Mapping[str, Any]) -> list[Case]:
    """Rows of the example data that fit an endpoint as it is listed, none where none do."""
    # scikit-learn takes a second to import, and rows of a file need none of it.
    from serve_app.examples.cases import held_out_cases

    return held_out_cases(endpoint["signature"])


def cases_of_file(path: Path, target: str, endpoint: Mapping[str, Any]) -> list[Case]:
    """The rows of a file and what its column says is true of them; rows without a truth are not.

    Raises:
        InvalidInput: it cannot be read, has no such column, or holds what is not predicted.
    """
    signature = endpoint["signature"]
    kind = signature["output"]["kind"]
    if kind not in _KINDS:
        msg = (
            f"{endpoint['name']!r} gives {kind}; clients can be simulated of {' and '.join(_KINDS)}"
        )
        raise InvalidInput(msg)
    texts = [column["name"] for column in signature["inputs"] if column["dtype"] == "string"]
    read = read_rows(path, texts=texts)
    for notice in read.notices:
        click.echo(notice, err=True)
    rows, truth = without(read.rows, target, str(path))
    if len(truth) != 1:
        raise InvalidInput(f"--target {target}: name one column; {endpoint['name']!r} predicts one")
    ((_, values),) = truth.items()
    labels = signature["output"].get("labels") or []
    known = [
        Case(row, _number(value, target) if kind == "regression" else _label(value, labels, target))
        for row, value in zip(rows, values, strict=True)
        if value is not None
    ]
    if not known:
        raise InvalidInput(f"--target {target}: no row of {path} has a value there")
    return known


def _label(value: Any, labels: Sequence[Any], target: str) -> Any:
    """The class as the endpoint names it: 1, 1.0 and "1" are one class."""
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    for label in labels:
        if str(label) == text:
            return label
    msg = f"--target {target}: {value!r} is none of the classes {', '.join(map(str, labels))}"
    raise InvalidInput(msg)


def _number(value: Any, target: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        msg = f"--target {target}: the endpoint predicts numbers, and {value!r} is none"
        raise InvalidInput(msg) from None


def endpoint_named(name: str, known: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """One of the endpoints.

    Raises:
        NotFound: there is none of that name; says which there are.
    """
    if name not in known:
        raise NotFound(f"there is no endpoint {name!r}; there are: {', '.join(known) or 'none'}")
    return known[name]


def progress_words(tallies: Mapping[str, Tally]) -> str:
    """How far clients are."""
    answered = sum(one.answered for one in tallies.values())
    failed = sum(one.failures.total() for one in tallies.values())
    feedback = sum(one.feedback for one in tallies.values())
    return f"{answered} requests answered, {failed} failed, {feedback} truths sent"


def print_tallies(tallies: Mapping[str, Tally]) -> None:
    """Print who answered how many requests, with which error, and what failed.

    The mean error of classes is the share of wrong ones, that of numbers the mean distance.
    """
    rows = [
        [name, *_variant_row(variants, one)]
        for name, tally in tallies.items()
        for variants, one in tally.to_json()["variants"].items()
    ]
    output.print_table("What clients saw", _HEADS, rows)
    click.echo(progress_words(tallies))
    for name, tally in tallies.items():
        for what, failures in (("requests", tally.failures), ("truths", tally.feedback_failures)):
            for code, number in failures.items():
                click.echo(f"{name}: {number} {what} failed: {code}", err=True)


def _variant_row(variants: str, one: Mapping[str, Any]) -> list[Any]:
    share, error = f"{one['share']:.1%}", f"{one['mean_error']:.4g}"
    return [variants, one["requests"], share, error, f"{1000 * one['median_s']:.1f} ms"]

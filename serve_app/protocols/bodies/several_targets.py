"""Several targets per row in answers: their probabilities taken apart, their names, their classes.

Whatever a dialect calls probabilities is written so that nobody can take those of one thing for
those of another: of yes or no one number per target, of several classes a list for each target.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from serve_app.core import targets
from serve_app.core.columns import Array
from serve_app.core.messages import PREDICT_PROBA, Response
from serve_app.core.signature import Output
from serve_app.protocols.bodies import json_body


def about(response: Response) -> dict[str, Any]:
    """What an answer has to say of its probabilities: their classes, and their targets."""
    output = response.several
    if output is None:
        given = response.answer.prediction.probabilities is not None
        return {"classes": list(response.labels)} if given else {}
    return of_output(output)


def of_output(output: Output) -> dict[str, Any]:
    """The names of several targets and, where they have more than yes and no, their classes."""
    document: dict[str, Any] = {"targets": names(output)}
    if output.kind == "multioutput":
        document["classes"] = [list(target.labels) for target in output.targets]
    return document


def probabilities(response: Response) -> Any:
    """The probabilities as `json_body.dump` writes them; of several classes a list per target."""
    shares = response.answer.prediction.probabilities
    assert shares is not None  # noqa: S101 - asked only where there are some
    if not is_split(response.several):
        return json_body.plain(shares)
    return nested(shares, response.several)


def answered(response: Response, values: Array) -> Any:
    """What stands for the predictions, as `json_body.dump` writes it."""
    if response.request.payload.method != PREDICT_PROBA or not is_split(response.several):
        return json_body.plain(values)
    return nested(values, response.several)


def nested(probabilities: Array, output: Output | None) -> list[list[list[float]]]:
    """Per row and target a list of the probabilities of its classes."""
    assert output is not None  # noqa: S101 - asked only of several targets
    split = [part.tolist() for part in targets.parts(probabilities, output.targets)]
    return [list(row) for row in zip(*split, strict=True)]


def is_split(output: Output | None) -> bool:
    """Whether probabilities are those of classes of several targets."""
    return output is not None and output.kind == "multioutput"


def parts(probabilities: Array, output: Output) -> dict[str, Array]:
    """The probabilities of the classes of each target, by its name."""
    return dict(zip(names(output), targets.parts(probabilities, output.targets), strict=True))


def columns(values: Array, output: Output) -> dict[str, Array]:
    """The values of each target by its name; of one kind they are no objects."""
    by_name = {}
    for place, target in enumerate(output.targets):
        column = values[:, place]
        by_name[target.name] = np.array(column.tolist()) if column.dtype == object else column
    return by_name


def names(output: Output) -> list[str]:
    """The names of the targets."""
    return [target.name for target in output.targets]


def share_names(output: Output) -> list[str]:
    """A name for each probability of a row, in one row: `target`, or `target=class`."""
    if output.kind == "multilabel":
        return names(output)
    return [f"{t.name}={label}" for t in output.targets for label in t.labels]


def all_labels(output: Output) -> tuple[Any, ...]:
    """The classes of all targets, each once; equal ones of two types are two."""
    seen = {(type(label), label): label for target in output.targets for label in target.labels}
    return tuple(seen.values())


def shown(names: Sequence[str], at_most: int = 8) -> str:
    """Names in words."""
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return ", ".join(names[:at_most]) + more

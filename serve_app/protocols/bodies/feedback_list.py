"""Feedback by the list: a JSON array, `{"feedback": […]}`, or CSV with a header.

What cannot be kept of a list is refused by its place, and the rest is kept.
"""

from __future__ import annotations

import csv
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from serve_app.core.feedback import Outcome
from serve_app.core.violations import value_text
from serve_app.errors import BadEncoding, ClientError, InvalidInput
from serve_app.protocols.bodies import delimited, feedback, json_body
from serve_app.protocols.bodies.feedback import ReceivedFeedback
from serve_app.protocols.dialect import Reply, media_type

CSV = "text/csv"
COLUMNS = ("prediction_id", "key", "row", "truth", "reward", "label_at_s")
"""Those of a CSV, in any order; one of the first two and a truth or a reward have to be there."""
_TRUTHS = {"true": True, "false": False}


class Refused(NamedTuple):
    """An item of a list that is not kept, by its place, and why."""

    place: int
    error: ClientError


class FeedbackBody(NamedTuple):
    """What a body says: items by their places, and what is refused of it.

    It is `listed` where it is a list, if only of one.
    """

    items: tuple[tuple[int, ReceivedFeedback], ...]
    refused: tuple[Refused, ...] = ()
    listed: bool = False


def decode(body: bytes, headers: Mapping[str, str], max_rows: int) -> FeedbackBody:
    """What a body says, one item or a list.

    Raises:
        ClientError: it is of none of these shapes, or its one item cannot be kept.
        TooLarge: it has more than `max_rows` items.
    """
    if media_type(headers.get("content-type", "")) == CSV:
        return _of_csv(body, max_rows)
    document = json_body.parse_any(body, nan=True) if body else None
    if isinstance(document, dict) and "feedback" in document:
        if isinstance(document["feedback"], list):
            document = document["feedback"]
        elif not document.keys() & {"truth", "reward"}:
            msg = f"'feedback' must be a list, got {value_text(document['feedback'])}"
            raise BadEncoding(msg, key="feedback")
    if not isinstance(document, list):
        return FeedbackBody(((0, feedback.read(_as_object(document, body))),))
    _check_count(len(document), max_rows)
    return _listed(document, lambda item: feedback.read(_as_item(item)))


def one(received: ReceivedFeedback) -> FeedbackBody:
    """A body of one item alone."""
    return FeedbackBody(((0, received),))


def with_truth(received: ReceivedFeedback, labels: Sequence[Any]) -> ReceivedFeedback:
    """The item with the truth that a cell of CSV stands for, where an endpoint has some labels.

    Raises:
        TooLarge: the truth is very long.
    """
    if received.cell is None:
        return received
    truth = feedback.truth_json(cell_value(received.cell, labels))
    return received._replace(truth_json=truth, cell=None)


def encode(
    endpoint: str,
    outcomes: Sequence[Outcome | None],
    refused: Sequence[Refused],
    request_id: str,
) -> Reply:
    """What became of each item, by its place; none of one that was refused."""
    kept = [outcome for outcome in outcomes if outcome is not None]
    document = {
        "endpoint": endpoint,
        "kept": len(kept),
        "counts": dict(sorted(Counter(kept).items())),
        "outcomes": list(outcomes),
        "refused": reasons(refused),
        "request_id": request_id,
    }
    return Reply(json_body.dump(document))


def reasons(refused: Sequence[Refused]) -> list[dict[str, Any]]:
    """Why items were refused, as JSON values."""
    return [
        {"index": place, "error": error.message, "error_code": error.code}
        for place, error in refused
    ]


def none_kept(refused: Sequence[Refused]) -> InvalidInput:
    """The error of a list of which nothing can be kept."""
    first = refused[0]
    msg = f"none of the {len(refused)} items can be kept; item {first.place}: {first.error.message}"
    return InvalidInput(msg, refused=reasons(refused))


def _as_object(document: Any, body: bytes) -> dict[str, Any]:
    # The words for what is no object are those of all JSON bodies.
    return document if isinstance(document, dict) else json_body.parse(body)


def _as_item(item: Any) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise BadEncoding(f"an item must be an object, got {value_text(item)}")
    return item


def _check_count(items: int, max_rows: int) -> None:
    if not items:
        raise InvalidInput("the list of feedback is empty")
    json_body.check_rows(items, max_rows)


def _listed(items: Iterable[Any], read: Callable[[Any], ReceivedFeedback]) -> FeedbackBody:
    kept: list[tuple[int, ReceivedFeedback]] = []
    refused: list[Refused] = []
    for index, item in enumerate(items):
        try:
            kept.append((index, read(item)))
        except ClientError as error:
            refused.append(Refused(index, error))
    return FeedbackBody(tuple(kept), tuple(refused), listed=True)


def _of_csv(body: bytes, max_rows: int) -> FeedbackBody:
    try:
        filled = (line for line in csv.reader(delimited.text_of(body, max_rows)) if line)
        header = [cell.strip() for cell in next(filled, [])]
        _check_header(header)
        lines = list(itertools.islice(filled, max_rows + 1))
        more = sum(1 for _ in filled)
    except csv.Error as error:
        raise BadEncoding(f"the body is not CSV: {error}") from None
    _check_count(len(lines) + more, max_rows)
    return _listed(lines, lambda cells: _of_cells(header, cells))


def _check_header(header: Sequence[str]) -> None:
    names = set(header)
    if len(names) < len(header):
        raise BadEncoding("the header names a column twice")
    if (
        not names <= set(COLUMNS)
        or not names & {"prediction_id", "key"}
        or not names & {"truth", "reward"}
    ):
        msg = (
            "the first line must name the columns: prediction_id or key, truth or reward, "
            f"and as needed row and label_at_s; got {value_text(','.join(header))}"
        )
        raise BadEncoding(msg, columns=list(COLUMNS))


def _of_cells(header: Sequence[str], cells: Sequence[str]) -> ReceivedFeedback:
    if len(cells) != len(header):
        msg = f"the line has {len(cells)} cells, but there are {len(header)} columns"
        raise BadEncoding(msg, expected=len(header), got=len(cells))
    texts = {name: cell for name, cell in zip(header, cells, strict=True) if cell != ""}
    if not texts.keys() & {"prediction_id", "key"}:
        raise InvalidInput("the line names no prediction: its prediction_id or key is empty")
    cell = texts.pop("truth", None)
    document: dict[str, Any] = {
        name: text if name in {"prediction_id", "key"} else _number(name, text)
        for name, text in texts.items()
    }
    if cell is None:
        return feedback.read(document)
    # Which value it stands for is known later; that there is one is enough here.
    return feedback.read({**document, "truth": cell})._replace(truth_json=None, cell=cell)


def _number(name: str, text: str) -> int | float:
    for read in (int, float):
        try:
            if "_" not in text:
                return read(text)
        except ValueError:
            continue
    raise BadEncoding(f"{name!r} must be a number, got {value_text(text)}", key=name)


def cell_value(cell: str, labels: Sequence[Any]) -> Any:
    """What a cell stands for: a label as it is, else a list, a number or a truth value of JSON."""
    if cell in labels:
        return cell
    text = cell.strip()
    words = any(isinstance(label, str) for label in labels)
    if words and not text.startswith("["):
        return cell
    if text.lower() in _TRUTHS:
        return _TRUTHS[text.lower()]
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return cell
    return cell if isinstance(value, dict | str) or value is None else value

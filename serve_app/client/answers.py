"""What a server answers, as values and as errors by kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from serve_app import errors

_KINDS_BY_CODE: dict[Any, type[errors.ServeError]] = {
    kind.code: kind
    for kind in (errors.InvalidInput, errors.RowsRefused, errors.ModelFailed, errors.NotPermitted)
}
_KINDS: dict[int, type[errors.ServeError]] = {
    401: errors.Unauthenticated,
    403: errors.Forbidden,
    404: errors.NotFound,
    406: errors.NotAcceptable,
    413: errors.TooLarge,
    415: errors.UnsupportedMedia,
    429: errors.Overloaded,
    503: errors.NotReady,
    504: errors.DeadlineExceeded,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint said of some rows: one prediction each, and probabilities by class.

    Where it says several things of a row, `targets` names them and each prediction is a list:
    with yes and no, the probabilities of a row are one for each target; with more classes, one
    list for each, in the order of the list of `classes` that is the target's.
    """

    predictions: list[Any]
    probabilities: list[list[Any]] | None
    classes: list[Any] | None
    variants: list[str]
    prediction_id: str
    request_id: str
    snapshot: int
    fallback: bool = False
    warnings: tuple[dict[str, Any], ...] = ()
    cache: str | None = None
    targets: list[str] | None = None

    def frame(self) -> Any:
        """A pandas frame with `prediction`, and a column `p(class)` for every class.

        Of several targets each has a column by its name, and one `p(target)` with the
        probability of yes, or `p(target=class)` for every class.
        """
        import pandas as pd  # noqa: PLC0415 - only who asks for frames needs it

        if self.targets is not None:
            return pd.DataFrame(self._by_target(self.targets))
        frame = pd.DataFrame({"prediction": self.predictions})
        for place, name in enumerate(self.classes or ()):
            frame[f"p({name})"] = [shares[place] for shares in self.probabilities or ()]
        return frame

    def _by_target(self, targets: list[str]) -> dict[str, list[Any]]:
        """The columns of a frame."""
        columns = {
            name: [row[place] for row in self.predictions] for place, name in enumerate(targets)
        }
        if self.probabilities is None:
            return columns
        for place, name in enumerate(targets):
            shares = [row[place] for row in self.probabilities]
            if self.classes is None:
                columns[f"p({name})"] = shares
                continue
            for at, label in enumerate(self.classes[place]):
                columns[f"p({name}={label})"] = [share[at] for share in shares]
        return columns


@dataclass(frozen=True, slots=True)
class ExplainedAnswer:
    """An answer, and what that of each row is made of: a base and what each feature adds to it.

    Each of `explanations` has a `base_value`, `contributions` by feature and the `output` that
    they add up to: numbers, or numbers by class where there are several classes. They are in the
    terms of `space`: "value", "log", "probability", "log_odds" or "raw_score", of the class
    `explained_class` where it is one alone. `method` says how they were computed. Features are
    those of the rows, or those that the version `columns_of` made of them.
    """

    answer: Answer
    explanations: list[dict[str, Any]]
    space: str
    method: str
    explained_class: Any = None
    columns_of: str | None = None

    def frame(self) -> Any:
        """A pandas frame with a column per feature, `base_value` and `output`, a row per row.

        Of several classes each row stands once for each, which a column `class` names.
        """
        import pandas as pd  # noqa: PLC0415 - only who asks for frames needs it

        several = bool(self.explanations) and isinstance(self.explanations[0]["output"], dict)
        lines: list[dict[str, Any]] = []
        for row, one in enumerate(self.explanations):
            for name in one["output"] if several else (None,):
                numbers = {**one["contributions"], **{k: one[k] for k in ("base_value", "output")}}
                if name is not None:
                    numbers = {key: by_class[name] for key, by_class in numbers.items()}
                named = {"class": name} if several else {}
                lines.append({"row": row, **named, **numbers})
        return pd.DataFrame(lines)


def explained(response: httpx.Response) -> ExplainedAnswer:
    """An explained answer. Raises ServeError: it was refused."""
    body = _checked(response)
    return ExplainedAnswer(
        answer(response),
        body["explanations"],
        body["space"],
        body["method"],
        body.get("explained_class"),
        body.get("columns_of"),
    )


def answer(response: httpx.Response) -> Answer:
    """What a prediction was answered. Raises ServeError: it was refused."""
    body = _checked(response)
    return Answer(
        predictions=body["predictions"],
        probabilities=body.get("probabilities"),
        classes=body.get("classes"),
        variants=body["variants"],
        prediction_id=body["prediction_id"],
        request_id=body["request_id"],
        snapshot=body["snapshot"],
        fallback=body.get("fallback", False),
        warnings=tuple(body.get("warnings", ())),
        cache=response.headers.get("x-cache"),
        targets=body.get("targets"),
    )


def outcome(response: httpx.Response) -> str:
    """What became of feedback. Raises ServeError: it was refused."""
    value: str = _checked(response)["outcome"]
    return value


@dataclass(frozen=True, slots=True)
class FeedbackAnswer:
    """What became of each item of a list, in its order; none of what was refused.

    Each of `refused` has an `index` in the list, an `error` in words and an `error_code`.
    """

    outcomes: list[str | None]
    refused: list[dict[str, Any]]

    @property
    def kept(self) -> int:
        """How many items were kept, those that were known before included."""
        return len(self.outcomes) - len(self.refused)


def outcomes(response: httpx.Response) -> FeedbackAnswer:
    """What became of a list of feedback. Raises ServeError: all of it was refused."""
    body = _checked(response)
    return FeedbackAnswer(body["outcomes"], body["refused"])


def endpoints(response: httpx.Response) -> list[dict[str, Any]]:
    """The endpoints that there are. Raises ServeError: the question was refused."""
    entries: list[dict[str, Any]] = _checked(response)["endpoints"]
    return entries


def _checked(response: httpx.Response) -> Any:
    """The body of an answer of 200.

    Raises:
        ServeError: the kind that the status and the code of the error stand for.
    """
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        body = {}
    if response.status_code == 200 and isinstance(body, dict) and body:
        return body
    fields = body if isinstance(body, dict) else {}
    message = str(fields.get("error") or f"the server answered {response.status_code}")
    details = {
        key: value
        for key, value in fields.items()
        if key not in {"error", "message", "error_code", "code", "type"}
    }
    raise _kind(response.status_code, fields.get("error_code"))(message, **details)


def _kind(status: int, code: Any) -> type[errors.ServeError]:
    if isinstance(code, str) and code in _KINDS_BY_CODE:
        return _KINDS_BY_CODE[code]
    if status in _KINDS:
        return _KINDS[status]
    return errors.ClientError if 400 <= status < 500 else errors.ServerFault

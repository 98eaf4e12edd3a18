"""`python -m <package>`: rows as JSON in, predictions as JSON out."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, TextIO

from serve_app.core.json_values import finite
from serve_app.errors import InvalidInput, ServeError
from serve_app.export.runtime.edge import EdgeModel, Rows
from serve_app.models.replay import answered, to_json

REFUSED, USAGE, BROKEN = 1, 2, 3
"""Exit codes: the rows cannot be answered; the command was called wrongly; the self test fails."""


def main(
    package: str,
    open_model: Callable[[], EdgeModel],
    arguments: Sequence[str] | None = None,
    *,
    rows: TextIO | None = None,
) -> int:
    """Answer the rows of a file or of standard input; gives the exit code."""
    parser = _parser(package)
    given = parser.parse_args(arguments)
    try:
        model = open_model()
    except (ServeError, ImportError) as error:
        return _failed(error, BROKEN)
    if given.self_test:
        print(json.dumps({"model": model.reference, "self_test": "passed"}))  # noqa: T201
        return 0
    try:
        body = _answer(model, read_rows(_text(given.file, rows)))
    except (ServeError, OSError) as error:
        return _failed(error, REFUSED)
    try:
        print(json.dumps(finite(body), allow_nan=False))  # noqa: T201
    except BrokenPipeError:
        # Whoever reads has enough, and Python would complain once more when it closes the pipe.
        sys.stderr.close()
        return REFUSED
    return 0


def read_rows(text: str) -> Rows:
    """The rows in JSON: a list of objects, an object of columns, `instances`, or JSON lines.

    Raises:
        InvalidInput: it is none of these; says on which line.
    """
    try:
        body = json.loads(text)
    except RecursionError as error:
        raise InvalidInput("the rows are nested too deeply") from error
    except ValueError as error:
        lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
        if not lines:
            raise InvalidInput("there are no rows: give them as JSON, for example [{…}]") from error
        if len(lines) == 1:
            raise InvalidInput(f"the rows are no JSON: {error}") from error
        return [_line(number, line) for number, line in lines]
    if isinstance(body, dict):
        return _of_object(body)
    if not isinstance(body, list):
        raise InvalidInput(f"the rows came as {text.strip()[:40]}: give a list of objects")
    return body


def _of_object(body: dict[str, Any]) -> Rows:
    if list(body) == ["instances"]:
        return _listed(body["instances"])
    if body and all(isinstance(value, list) for value in body.values()):
        return body
    # One line of JSON lines.
    return [body]


def _listed(value: Any) -> Rows:
    if not isinstance(value, list):
        raise InvalidInput(f"instances is a {type(value).__name__}: give a list of objects")
    return value


def _line(number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"line {number} is no JSON: {error}") from error


def _answer(model: EdgeModel, rows: Rows) -> dict[str, Any]:
    output = model.signature.output
    if output.kind == "transform":
        from_columns = model.columns(rows)
        return {"model": model.reference, "columns": to_json(from_columns)}
    prediction, warnings = model.answer(rows)
    values = answered(prediction)
    body: dict[str, Any] = {"model": model.reference, "predictions": values["values"]}
    if "probabilities" in values:
        body["probabilities"] = values["probabilities"]
    if output.labels:
        body["classes"] = list(output.labels)
    if output.targets:
        body["targets"] = [target.to_json() for target in output.targets]
    if warnings:
        body["warnings"] = [asdict(one) for one in warnings]
    return body


def _text(file: str | None, rows: TextIO | None) -> str:
    try:
        if file is not None and file != "-":
            with open(file, encoding="utf-8-sig") as opened:  # noqa: PTH123
                return opened.read()
        stream = sys.stdin if rows is None else rows
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8-sig")
        return stream.read()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the rows are not in UTF-8: {error}") from error


def _failed(error: Exception, code: int) -> int:
    words = error.message if isinstance(error, ServeError) else _words(error)
    print(f"error: {words}", file=sys.stderr)  # noqa: T201
    if isinstance(error, InvalidInput):
        for one in error.details.get("violations", []):
            where = f"row {one['row']}, column {one['column']!r}"
            line = f"  {where}: {one['rule']}: expected {one['expected']}, got {one['seen']}"
            print(line, file=sys.stderr)  # noqa: T201
    return code


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _parser(package: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m {package}",
        description="Rows as JSON in (a list of objects, an object of columns, or JSON lines), "
        "predictions as JSON out. Exit codes: 0 answered, 1 the rows cannot be answered, "
        "2 called wrongly, 3 the model does not pass its self test on this machine.",
    )
    parser.add_argument("file", nargs="?", help="the file with the rows; standard input without")
    parser.add_argument(
        "--self-test",
        action="store_true",
        help="only hold the stored rows against the answers of registration",
    )
    return parser

"""Log records as JSON lines, and where those of this package go."""

from __future__ import annotations

import datetime as dt
import json
import logging
import traceback
from typing import TextIO

from serve_app.redaction import without_secrets

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """Writes a record as one JSON object: when, how grave, what, and every `extra` field.

    Fields given here stand in every line. Passwords in URLs are cut.
    """

    def __init__(self, **fields: str) -> None:
        super().__init__()
        self._fields = fields

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON."""
        at = dt.datetime.fromtimestamp(record.created, tz=dt.UTC)
        line: dict[str, object] = {
            "at": at.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **self._fields,
        }
        line.update({k: v for k, v in vars(record).items() if k not in _STANDARD})
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            line["error"] = f"{type(error).__name__}: {error}"
            line["traceback"] = "".join(traceback.format_exception(error))
        return without_secrets(json.dumps(line, default=str))


class TextLines(logging.Formatter):
    """Writes a record as a line of text, with its traceback below; passwords in URLs are cut."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """One line, or several with a traceback."""
        return without_secrets(super().format(record))


def send_to(stream: TextIO, lines: logging.Formatter) -> None:
    """Write what this package and its HTTP server log to a stream in some form, nowhere else."""
    handle_by(logging.StreamHandler(stream), lines)


def handle_by(handler: logging.Handler, lines: logging.Formatter) -> None:
    """Have a handler write what this package and its HTTP server log, in some form."""
    handler.setFormatter(lines)
    # What the HTTP server says of broken requests is a line like all others.
    for name, level in (("serve_app", logging.INFO), ("uvicorn", logging.WARNING)):
        package = logging.getLogger(name)
        package.handlers[:] = [handler]
        package.setLevel(level)
        package.propagate = False

"""Paths of a config, and the names of versions in it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator

from serve_app.core import reference as references
from serve_app.core.home import HOME_VARIABLE
from serve_app.core.hosts import url_leads_nowhere
from serve_app.errors import InvalidInput

T = TypeVar("T")


def located(path: str) -> str:
    """Resolve a relative path of a config against the folder that the cluster started in.

    Replicas run wherever Ray puts them; a path in YAML means the same in all of them.
    URLs (`s3://…`, `memory://…`) stay as they are.

    Raises:
        ValueError: it is a URL that leads to where there are no files.
    """
    if "://" in path:
        if url_leads_nowhere(path):
            raise ValueError("this is an address at which there are no files; it is not asked")
        return path
    if Path(path).is_absolute():
        return path
    return str((Path(os.environ.get(HOME_VARIABLE) or Path.cwd()) / path).resolve())


def located_state(state: str) -> str:
    """Resolve where state is kept: a folder, `sqlite:///<file>` or `postgresql+psycopg://…`.

    Relative paths, also those of a URL, mean what they mean to `located`.

    Raises:
        ValueError: it is a URL of another kind. What it says never holds a password.
    """
    scheme, separator, rest = state.partition("://")
    if not separator:
        return located(state)
    if scheme == "sqlite":
        file = rest.removeprefix("/")
        if file == rest or file in {"", ":memory:"}:
            raise ValueError("a SQLite state needs a file: sqlite:///./state/serve-app.db")
        return f"sqlite:///{located(file)}"
    if scheme not in {"postgresql", "postgresql+psycopg"}:
        msg = (
            f"state cannot be kept at {scheme!r}; it is a folder, sqlite:///<file> or "
            "postgresql+psycopg://<user>@<host>/<database>"
        )
        raise ValueError(msg)
    return state


def valid(check: Callable[[T], object]) -> AfterValidator:
    """Takes what passes a check of ours, as it is, in settings whose mistakes pydantic reports."""

    def checked(value: T) -> T:
        try:
            check(value)
        except InvalidInput as error:
            raise ValueError(error.message) from None
        return value

    return AfterValidator(checked)


Location = Annotated[str, AfterValidator(located)]
Reference = Annotated[str, valid(references.parse)]

"""Where state is kept: a folder, a SQLite file, or a PostgreSQL database."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from serve_app.config.names import located_state
from serve_app.errors import ConfigError

FILE = "serve-app.db"
"""The name of the file in a folder."""
_PLAIN_SERVER = re.compile(
    r"[\w+]+://(?:[^@]*@)?(?P<shown>(?:[\w.-]+|\[[0-9a-fA-F:.]+\])?(?::\d+)?(?:/[\w.-]*)?)(?:\?[^@]*)?"
)


@dataclass(frozen=True, slots=True)
class DatabaseLocation:
    """Where the tables are: in a SQLite `file`, or on the server that `url` names.

    `shown` is for people and logs, and never holds a password.
    """

    shown: str
    file: Path | None = None
    url: str = field(default="", repr=False)


def place_of(state: str) -> DatabaseLocation:
    """Read a folder (which holds `serve-app.db`), `sqlite:///<file>` or `postgresql+psycopg://…`.

    Raises:
        ConfigError: it is a URL of another kind.
    """
    if "://" not in state:
        file = Path(state) / FILE
        return DatabaseLocation(str(file), file=file)
    try:
        url = located_state(state)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite":
        file = Path(rest.removeprefix("/"))
        return DatabaseLocation(str(file), file=file)
    return DatabaseLocation(_shown(url), url=f"postgresql+psycopg://{rest}")


def _shown(url: str) -> str:
    """The URL without who asks and how; only its kind where that cannot be told apart."""
    plain = _PLAIN_SERVER.fullmatch(url)
    if plain is None or "password" in url.lower():
        return "postgresql://…"
    return f"postgresql://{plain['shown']}"

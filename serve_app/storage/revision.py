"""Which tables a database has, and making those that it lacks."""

from __future__ import annotations

import threading
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from serve_app.errors import RegistryFailed

TABLE = "serve_app_revision"
"""Where Alembic notes what it has done: not its usual name, which others use too."""
KNOWN = ("0001", "0002", "0003", "0004", "0005")
"""All steps of `migrations/versions`, the last one last."""
_MIGRATIONS = Path(__file__).parent / "migrations"
_ONE_AT_A_TIME = threading.Lock()


def revision_of(connection: Connection) -> str | None:
    """The last step that was done in a database, none before the first.

    Raises:
        RegistryFailed: it was made by a newer version of this package.
    """
    if not inspect(connection).has_table(TABLE):
        return None
    revision: str | None = connection.execute(text(f"SELECT version_num FROM {TABLE}")).scalar()  # noqa: S608 - a constant
    if revision is not None and revision not in KNOWN:
        msg = (
            f"its tables (step {revision}) were made by a newer serve-app; this one knows up to "
            f"step {KNOWN[-1]}: update it, or give it a state of its own"
        )
        raise RegistryFailed(msg)
    return revision


def upgrade(connection: Connection) -> None:
    """Do the steps that a database lacks, inside the transaction of a connection."""
    # Slow to import, and needed once in the life of a database.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    with _ONE_AT_A_TIME:  # Alembic keeps what it works on in globals.
        command.upgrade(config, "head")

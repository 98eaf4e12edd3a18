"""Where a replica's log lines go: JSON, in the folder that the Ray dashboard shows."""

import logging
import logging.handlers
import os
from pathlib import Path
from typing import Any

import ray

from serve_app.monitoring.log import JsonLines

MAX_BYTES = 20 * 1024 * 1024
BACKUPS = 3


def configure(component: str, level: str) -> None:
    """Send everything below the logger `serve_app` to a file of this replica's own.

    Serve redirects a replica's output to its own logger and buffers a thousand lines; a
    file of our own loses none when the process is killed.
    """
    folder = Path(_session_logs()) / "serve"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(
        folder / f"serve-app-{component}-{os.getpid()}.jsonl",
        maxBytes=MAX_BYTES,
        backupCount=BACKUPS,
        delay=True,
    )
    handler.setFormatter(
        JsonLines(component=component, node=ray.get_runtime_context().get_node_id())
    )
    logger = logging.getLogger("serve_app")
    for former in list(logger.handlers):
        logger.removeHandler(former)
        former.close()
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False


def session_folder() -> Path:
    """The folder on this machine that lasts as long as its Ray does."""
    node: Any = ray._private.worker._global_node  # noqa: SLF001 - Ray has no public name for it
    return Path(node.get_session_dir_path())


def socket_folder() -> Path:
    """The folder on this machine where Ray has its own sockets; paths of sockets are short."""
    return session_folder() / "sockets"


def _session_logs() -> str:
    node: Any = ray._private.worker._global_node  # noqa: SLF001 - Ray has no public name for it
    return str(node.get_logs_dir_path())

"""Paths of a config, and the names of versions in it."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from serve_app.core.reference import is_version

HOME_VARIABLE = "SERVE_APP_HOME"


def located(path: str) -> str:
    """Resolve a relative path of a config against the folder that the cluster started in.

    Replicas run wherever Ray puts them; a path in YAML means the same in all of them.
    URLs (`s3://…`, `memory://…`) stay as they are.
    """
    if "://" in path or Path(path).is_absolute():
        return path
    return str((Path(os.environ.get(HOME_VARIABLE) or Path.cwd()) / path).resolve())


def _version(reference: str) -> str:
    if not is_version(reference):
        msg = f"{reference!r} does not name a version; write model@number, such as diagnosis-xgb@1"
        raise ValueError(msg)
    return reference


Location = Annotated[str, AfterValidator(located)]
Reference = Annotated[str, AfterValidator(_version)]

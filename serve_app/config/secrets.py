"""Where a setting that may be a secret stands: in YAML, the environment, or a file."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from serve_app.config.names import located, located_state

LARGEST_BYTES = 65_536


def read_setting(given: Any) -> Any:
    """What `{env: NAME}` or `{file: PATH}` names, without space around it; else what is given.

    Raises:
        ValueError: there is no such variable or file, or nothing in it; says which, never what.
    """
    if not isinstance(given, Mapping):
        return given
    if len(given) != 1 or not given.keys() <= {"env", "file"}:
        raise ValueError("write the text itself, {env: NAME} or {file: PATH}")
    ((kind, name),) = given.items()
    if not isinstance(name, str) or not name:
        raise ValueError(f"`{kind}` names nothing; write {{env: NAME}} or {{file: PATH}}")
    value = _variable(name) if kind == "env" else _content(name)
    if not value.strip():
        raise ValueError(f"the {'variable' if kind == 'env' else 'file'} {name} is empty")
    return value.strip()


def _variable(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        msg = f"the environment variable {name[:100]} is not set where this runs"
        raise ValueError(msg)
    return value


def _content(name: str) -> str:
    path = located(name)
    try:
        content = Path(path).read_bytes()[: LARGEST_BYTES + 1]
        if len(content) > LARGEST_BYTES:
            raise ValueError(f"the file {path} is too large for a setting")
        return content.decode()
    except OSError as error:
        raise ValueError(f"the file {path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ValueError(f"the file {path} is no text") from None


SecretLocation = Annotated[str, BeforeValidator(read_setting), AfterValidator(located)]
"""A folder or URL, which may hold a password: it may stand elsewhere than in YAML."""
SecretState = Annotated[str, BeforeValidator(read_setting), AfterValidator(located_state)]
"""The same where state is kept."""

"""What commands prove who asks with: a key or a token of the environment, never shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from serve_app.errors import InvalidInput

KEY_VARIABLE = "SERVE_APP_API_KEY"
KEY_FILE_VARIABLE = "SERVE_APP_API_KEY_FILE"
TOKEN_VARIABLE = "SERVE_APP_TOKEN"  # noqa: S105 - the name of a variable
HINT = (
    f"set {KEY_VARIABLE} to an API key, {KEY_FILE_VARIABLE} to a file with one, or "
    f"{TOKEN_VARIABLE} to a token"
)
_PLAIN = re.compile(r"[\x21-\x7e]+")


def proof(environment: Mapping[str, str]) -> dict[str, str]:
    """The header that proves who asks; none where the environment has nothing to prove it with.

    Raises:
        InvalidInput: the file cannot be read, or what is given is neither a key nor a token.
    """
    if key := environment.get(KEY_VARIABLE, "").strip():
        return {"x-api-key": _plain(key, KEY_VARIABLE)}
    if file := environment.get(KEY_FILE_VARIABLE):
        return {"x-api-key": _plain(_read(file), KEY_FILE_VARIABLE)}
    if token := environment.get(TOKEN_VARIABLE, "").strip():
        return {"authorization": f"Bearer {_plain(token, TOKEN_VARIABLE)}"}
    return {}


def _read(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"the file {file} that {KEY_FILE_VARIABLE} names cannot be read: {error}"
        raise InvalidInput(msg) from None


def _plain(text: str, variable: str) -> str:
    if _PLAIN.fullmatch(text) is None:
        raise InvalidInput(f"{variable} holds no key and no token: spaces or other letters in it")
    return text

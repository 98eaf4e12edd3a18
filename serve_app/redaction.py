"""Cuts secrets out of text before anybody reads it: passwords in URLs, keys in their queries."""

from __future__ import annotations

import re

CUT = "***"
_USER = re.compile(
    # What follows a port is a path: http://host:8000/v1/models/churn@champion has no password.
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]{0,30}://)"
    r"(?:[^\s/?#@:'\"<>]{0,256}:(?!\d{1,5}/)[^\s'\"<>]{0,512}|[^\s/?#@:'\"<>]{20,512})@"
)
_PARAMETER = re.compile(
    r"(?P<name>[?&;](?:[\w.\-]{0,40}(?:password|passwd|token|secret|signature|credential)"
    r"|pwd|sig|key|api_?key|access_?key)=)[^&;\s'\"#<>]+",
    re.IGNORECASE,
)
_SETTING = re.compile(
    r"(?P<name>\b(?:ssl)?(?:password|passwd)\s{0,3}=\s{0,3})(?:'[^']*'|\"[^\"]*\"|[^\s'\",;&]+)",
    re.IGNORECASE,
)


def without_secrets(text: str) -> str:
    """A text with `***` in place of what it tells of passwords and keys.

    User and password of URLs are cut (`postgresql://u:p@host`, `s3://key:secret@bucket`,
    `https://TOKEN@host`), keys in their queries (`?sig=…`, `&token=…`), and `password=…`.
    """
    if "://" not in text and "=" not in text:
        return text
    text = _USER.sub(rf"\g<scheme>{CUT}@", text)
    text = _PARAMETER.sub(rf"\g<name>{CUT}", text)
    return _SETTING.sub(rf"\g<name>{CUT}", text)


def has_secret(text: str) -> bool:
    """Whether a text tells a password or a key, as far as `without_secrets` knows them."""
    return without_secrets(text) != text

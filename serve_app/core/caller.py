"""Who sends a request."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from serve_app.core.grants import EVERYTHING, Grants

if TYPE_CHECKING:
    from serve_app.core.detail import Detail


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request, as far as anybody knows, for which tenant, and what they may do.

    `detail` is how exactly it is told what models say, None where nothing was said of that.
    """

    name: str
    tenant: str = ""
    grants: Grants = EVERYTHING
    detail: Detail | None = None

    @property
    def owner(self) -> str:
        """Whose its predictions are: all of a tenant's callers', or its own where it has none."""
        return f"tenant {self.tenant}" if self.tenant else f"principal {self.name}"


ANONYMOUS = Caller("anonymous")
"""Whoever has not said who they are."""

CREDENTIALS = ("authorization", "x-api-key", "api-key")
"""Headers that hold what a client proves itself with, the first of which counts."""
DIGEST_BYTES = 8


def credential_of(headers: Mapping[str, str]) -> str | None:
    """What a client proves itself with, by lower-case names of headers; none where it does not."""
    return next((headers[name] for name in CREDENTIALS if headers.get(name)), None)


def pseudonym(name: str, salt: str) -> str:
    """Sixteen digits that stand for a caller; without the salt nobody finds out for whom."""
    key = hashlib.blake2b(salt.encode("utf-8", "surrogatepass")).digest()
    digest = hashlib.blake2b(
        name.encode("utf-8", "surrogatepass"), key=key, digest_size=DIGEST_BYTES
    )
    return digest.hexdigest()

"""Who has keys and whose tokens count: the part of a snapshot that says it, without any secret."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from serve_app.core.detail import Detail, detail_of

MOST_VALID_KEYS = 2
"""So many keys of one principal may be valid at once: the one in use and the one that follows."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is kept of an API key: all but the key itself, of which `digest` is the SHA-256 in hex.

    Whoever shows the key is `principal`, of `tenant`, and may do what `scopes` grant on the
    endpoints that `endpoints` fit. Times are seconds since 1970; `disabled_at_s` is when it was
    revoked. `detail` is how exactly it is told what models say, as `detail_of` reads it, empty
    where that is as the config says.
    """

    id: str
    digest: str = field(repr=False)
    principal: str
    scopes: tuple[str, ...]
    tenant: str = ""
    endpoints: tuple[str, ...] = ("*",)
    not_before_s: float | None = None
    expires_at_s: float | None = None
    created_at_s: float = 0.0
    created_by: str = ""
    disabled_at_s: float | None = None
    detail: str = ""

    @property
    def own_detail(self) -> Detail | None:
        """How exactly whoever shows the key is told; none where that is as the config says."""
        return detail_of(self.detail) if self.detail else None

    def ends_before(self, now_s: float) -> bool:
        """Whether the key is revoked or expired, and will never be valid again."""
        if self.disabled_at_s is not None:
            return True
        return self.expires_at_s is not None and self.expires_at_s <= now_s

    def state(self, now_s: float) -> str:
        """How the key stands, in a word: valid, not yet, expired or revoked."""
        if self.disabled_at_s is not None:
            return "revoked"
        if self.ends_before(now_s):
            return "expired"
        early = self.not_before_s is not None and now_s < self.not_before_s
        return "not yet" if early else "valid"

    def revoked(self, at_s: float) -> KeyRecord:
        """The record of the key once it is revoked; when it was first, if it is already."""
        return self if self.disabled_at_s is not None else replace(self, disabled_at_s=at_s)

    def ending(self, at_s: float) -> KeyRecord:
        """The record of the key that is valid no longer than until then."""
        last_s = at_s if self.expires_at_s is None else min(at_s, self.expires_at_s)
        return replace(self, expires_at_s=last_s)

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values, the digest included."""
        body = {**self.shown(), "digest": self.digest}
        if not self.detail:
            # Processes of a former version, which know of none, read what they can.
            del body["detail"]
        return body

    def shown(self) -> dict[str, Any]:
        """The record as JSON values for people, without the digest."""
        return {
            "id": self.id,
            "principal": self.principal,
            "tenant": self.tenant,
            "scopes": list(self.scopes),
            "endpoints": list(self.endpoints),
            "not_before_s": self.not_before_s,
            "expires_at_s": self.expires_at_s,
            "created_at_s": self.created_at_s,
            "created_by": self.created_by,
            "disabled_at_s": self.disabled_at_s,
            "detail": self.detail,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> KeyRecord:
        """Read what `to_json` wrote."""
        return cls(
            **{
                **body,
                "scopes": tuple(body["scopes"]),
                "endpoints": tuple(body["endpoints"]),
            }
        )


@dataclass(frozen=True, slots=True)
class KeyOrder:
    """What a new key is to be, as `KeyRecord` says it."""

    principal: str
    scopes: tuple[str, ...]
    tenant: str = ""
    endpoints: tuple[str, ...] = ("*",)
    not_before_s: float | None = None
    expires_at_s: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class KeyRotation:
    """A key that another one is to follow; both are valid for `overlap_s` seconds."""

    id: str
    overlap_s: float


@dataclass(frozen=True, slots=True)
class KeyRevocation:
    """A key that is to be valid no more."""

    id: str


KeyChange = KeyOrder | KeyRotation | KeyRevocation


@dataclass(frozen=True, slots=True)
class Access:
    """The keys that may be valid, and the public keys of issuers of tokens by their addresses.

    `changed_in` is the version of the snapshot in which any of it changed last.
    """

    keys: tuple[KeyRecord, ...] = ()
    token_keys: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    changed_in: int = field(default=0, compare=False)

    def with_keys(self, records: Iterable[KeyRecord], now_s: float) -> Access:
        """With other keys, of which those that ended are left out; itself where nothing differs."""
        live = sorted((one for one in records if not one.ends_before(now_s)), key=lambda r: r.id)
        return self if tuple(live) == self.keys else replace(self, keys=tuple(live))

    def with_token_keys(self, address: str, document: Mapping[str, Any], most: int) -> Access:
        """With what an issuer publishes now, and of others the last; itself if nothing differs.

        No more than `most` issuers are kept.
        """
        if self.token_keys.get(address) == document:
            return self
        others = [(one, keys) for one, keys in self.token_keys.items() if one != address]
        return replace(self, token_keys={address: document, **dict(others[: most - 1])})

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "keys": [one.to_json() for one in self.keys],
            "token_keys": {address: dict(one) for address, one in self.token_keys.items()},
            "changed_in": self.changed_in,
        }

    def since(self, seen: int) -> dict[str, Any]:
        """A member of a snapshot for whoever has that of version `seen`; none if it has it all."""
        return {"access": self.to_json()} if self.changed_in > seen else {}

    @classmethod
    def within(cls, body: Mapping[str, Any], former: Access) -> Access:
        """What a snapshot says, `former` where it says nothing."""
        if "access" not in body:
            return former
        access = body["access"]
        return cls(
            tuple(map(KeyRecord.from_json, access["keys"])),
            access["token_keys"],
            access["changed_in"],
        )


NOBODY = Access()
"""Nobody has a key."""

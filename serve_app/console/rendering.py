"""From values to pages: Jinja's templates, which escape whatever is put into them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import quote

import orjson
from jinja2 import Environment, PackageLoader, StrictUndefined

from serve_app.console.paths import PREFIX

_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "content-security-policy": _POLICY,
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
}
"""No page runs or loads anything but its style sheets, and none is shown within another.

Forms say where they come from, which a referrer policy of none would take away.
"""
LIVE_HEADERS: Mapping[str, str] = {
    "content-security-policy": f"{_POLICY}; script-src 'self'; connect-src 'self'"
}
"""Of pages that renew parts of themselves: by two scripts of this server, and by asking it."""
LIVE_EVERY_S = 5
_MANY = 999.5
NOTHING = "\N{EN DASH}"
"""What stands where nothing is known."""
MOST_SHOWN = 100
"""Characters of a name that tables show."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page: which template, under which title, of which values.

    `live` names the parts of it, by their `id`, that are renewed while somebody looks at it;
    `cookies` are kept by the browser, of which an empty one is taken away.
    """

    template: str
    title: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    live: tuple[str, ...] = ()
    cookies: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Live:
    """How a page renews itself: which parts, from which address, and where that is stopped."""

    parts: str
    address: str
    stop: str
    every_s: int = LIVE_EVERY_S


def live_of(page: Page, path: str, query: Mapping[str, str]) -> Live | None:
    """How a page that was asked for at an address renews itself; None where it does not."""
    if not page.live or query.get("live") == "off":
        return None
    kept = {name: value for name, value in query.items() if name not in {"done", "live"}}
    parts = ",".join(f"#{one}:morph" for one in ("live-at", *page.live))
    return Live(parts, addressed(path, kept), addressed(path, {**kept, "live": "off"}))


@dataclass(frozen=True, slots=True)
class Moved:
    """Where a browser goes on after it has sent a form."""

    place: str


def place(*parts: str, **query: str) -> str:
    """The address of a page of the console, of names that may hold anything."""
    return addressed(PREFIX + "".join(f"/{quote(part, safe='')}" for part in parts), query)


def addressed(path: str, query: Mapping[str, str]) -> str:
    """A path with a query; the path is quoted already."""
    pairs = "&".join(f"{quote(name)}={quote(value, safe='')}" for name, value in query.items())
    return f"{path}{'?' if pairs else ''}{pairs}"


def moment(at_s: float | None) -> str:
    """A time in seconds since 1970 as people read it, in UTC."""
    if at_s is None:
        return NOTHING
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S")


def share(value: float | None) -> str:
    """A part of 1 in percent."""
    return NOTHING if value is None else f"{100 * value:.1f} %"


def number(value: Any) -> str:
    """A number with as many digits as tell something; all else as it is."""
    if isinstance(value, bool) or value is None:
        return NOTHING if value is None else str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def shortened(text: Any, most: int = MOST_SHOWN) -> str:
    """A text of at most so many characters, without those that turn the direction of writing."""
    shown = "".join(
        one if unicodedata.category(one) not in {"Cc", "Cf", "Cs", "Co"} or one in "\n\t\u200d"
        else "\N{REPLACEMENT CHARACTER}"
        for one in str(text)[: most + 1]
    )  # fmt: skip
    return shown if len(shown) <= most else f"{shown[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


def ms(seconds: float | None) -> str:
    """A latency in milliseconds."""
    return NOTHING if seconds is None else f"{rate(1000 * seconds)} ms"


def rate(value: float) -> str:
    """A number of something per second, in about three digits."""
    return f"{value:.3g}" if value < _MANY else f"{value:,.0f}"


def in_json(value: Any) -> str:
    """A value as JSON; nothing where there is none, and a text as it is."""
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()


def in_words(value: Any, *, is_inner: bool = False) -> str:
    """A value of an event as people read it: `a@1 90, b@1 10` in place of an object in JSON."""
    if isinstance(value, Mapping):
        pairs = (f"{name} {in_words(one, is_inner=True)}" for name, one in value.items())
        words = ", ".join(pairs)
        return f"({words})" if is_inner else words
    if isinstance(value, bool) or not isinstance(value, int | float):
        return in_json(value)
    return number(value)


@cache
def environment() -> Environment:
    """The templates of the console; a name that no value was given for is an error."""
    made = Environment(
        loader=PackageLoader("serve_app.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update({
        "moment": moment, "share": share, "number": number, "shortened": shortened,
        "in_json": in_json, "in_words": in_words, "ms": ms, "rate": rate,
    })  # fmt: skip
    made.globals["place"] = place
    return made


@cache
def script(name: str) -> bytes:
    """A script that is not ours."""
    return (resources.files("serve_app.console") / "scripts" / name).read_bytes()


@cache
def style() -> bytes:
    """The style sheet."""
    return (resources.files("serve_app.console") / "templates" / "style.css").read_bytes()


def render(page: Page, around: Mapping[str, Any]) -> bytes:
    """A page as HTML; `around` is what every page shows of its visitor and of the server."""
    template = environment().get_template(page.template)
    return template.render({**around, **page.values, "title": page.title}).encode()

"""Pages of other origins may not act: browsers send their forms without asking anybody.

Answers to such pages are kept from them by the browser (CORS), but what a request does is done by
then. Browsers say where a page is from, and no page can change what they say.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from serve_app.errors import NotPermitted

EVERY_ORIGIN = "*"
_OTHER_SITES = frozenset({"cross-site", "same-site"})


def refuse_foreign(headers: Mapping[str, str], origins: Collection[str]) -> None:
    """Return unless a page of another origin sends this that is none of `origins`.

    Programs send neither `Origin` nor `Sec-Fetch-Site`.

    Raises:
        NotPermitted: one does; says which.
    """
    if EVERY_ORIGIN in origins:
        return
    origin = headers.get("origin")
    if origin is None:
        # Links and images are sent without an origin.
        foreign = headers.get("sec-fetch-site", "none") in _OTHER_SITES
    else:
        foreign = origin not in origins and _place(origin) != _place(headers.get("host", ""))
    if foreign:
        page = "another site" if origin is None else origin[:200]
        msg = (
            f"a page of {page} sends this, and pages of other origins may not; `cors` in the "
            "gateway's args lists those that may"
        )
        raise NotPermitted(msg)


def _place(address: str) -> str:
    """Host and port of an origin or of a `Host` header, without the usual ports."""
    place = address.lower().rpartition("://")[2]
    return place.removesuffix(":80").removesuffix(":443")

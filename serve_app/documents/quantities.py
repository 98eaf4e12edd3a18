"""Amounts with a unit, as people write them who mean one that Kubernetes knows."""

from __future__ import annotations

import re

_AMOUNT = re.compile(r"\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[A-Za-z]*)\s*")
_MEANT = {"k": "Ki", "m": "Mi", "g": "Gi", "t": "Ti", "p": "Pi", "e": "Ei"}


def nearest_quantity(written: str, pattern: str) -> str | None:
    """An amount that somebody may have meant and that this pattern takes; none where none is near.

    `4gb` and `4 GiB` mean `4Gi`, where the pattern is one of bytes; `500mi` means `500m` where it
    is one of processors.
    """
    match = _AMOUNT.fullmatch(written)
    if match is None:
        return None
    number, unit = match["number"], match["unit"].lower()
    whole = _MEANT.get(unit[:1], "")
    units = (whole, whole[:1], unit[:1]) if unit else ("", "Gi")
    tried = (number + one for one in units)
    return next((one for one in tried if one != written and re.search(pattern, one)), None)

"""The papers of the house: which there are, and in which order one reads them."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def _pages(entry):
    if isinstance(entry, str):
        yield DOCS / entry
    else:
        for inner in entry if isinstance(entry, list) else entry.values():
            yield from _pages(inner)


def navigation():
    """The pages of the documentation in the order of its navigation."""
    config = tomllib.loads((ROOT / "zensical.toml").read_text())
    return list(_pages(config["project"]["nav"]))


def prose(path):
    """A paper without its blocks of code."""
    return _BLOCK.sub("", path.read_text())

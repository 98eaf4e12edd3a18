"""Files of data that other packages carry, found without importing those packages."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from examples.case_study.session import CaseStudyError


def folder_of(package: str, install: str) -> Path:
    """The folder of an installed package.

    What it would import, and whether that is installed, does not matter: only files are read.

    Raises:
        CaseStudyError: it is not installed; says by which line it is: `pip install INSTALL`.
    """
    spec = find_spec(package)
    places = None if spec is None else spec.submodule_search_locations
    if not places:
        raise CaseStudyError(f"the data of {package} is not here: pip install {install}")
    return Path(places[0])

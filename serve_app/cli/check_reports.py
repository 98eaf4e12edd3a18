"""Checks as other tools read them: JUnit's XML, and SARIF.

JUnit: what `pytest --junit-xml` writes. SARIF 2.1.0:
https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Any

from serve_app import __version__
from serve_app.engine.checks import Check

_RULES = {
    "config": "The config can be deployed.",
    "digests": "Every byte of a version is as registered, and signed where it must be.",
    "sample": "A version answers its stored rows as at registration.",
    "golden": "A version gives the answers that a file of rows has.",
    "latency": "One row takes no longer than is allowed.",
    "memory": "A process that loads a version holds no more memory than is allowed.",
    "card": "A version's card has the sections that people write.",
    "contract": "Clients can go on sending and reading what they do.",
}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(file: str, checks: Sequence[Check]) -> str:
    """The checks of a config as a suite of JUnit's."""
    counts = {
        "tests": len(checks),
        "failures": sum(one.problem is not None for one in checks),
        "errors": 0,
        "skipped": sum(one.skipped is not None for one in checks),
    }
    suite = ET.Element(
        "testsuite",
        {
            "name": _text(f"serve-app check {file}"),
            **{key: str(count) for key, count in counts.items()},
            "time": f"{sum(one.took_s for one in checks):.3f}",
        },
    )
    for one in checks:
        case = ET.SubElement(
            suite,
            "testcase",
            {"classname": one.kind, "name": _text(one.subject), "time": f"{one.took_s:.3f}"},
        )
        if one.problem is not None:
            failure = ET.SubElement(case, "failure", {"message": _text(one.problem)})
            failure.text = _text(f"{file}:{one.line}: {one.problem}")
        elif one.skipped is not None:
            ET.SubElement(case, "skipped", {"message": _text(one.skipped)})
    root = ET.Element("testsuites")
    root.append(suite)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def sarif(file: str, checks: Sequence[Check]) -> str:
    """What is wrong with a config, as results of SARIF's."""
    driver: dict[str, Any] = {
        "name": "serve-app",
        "version": __version__,
        "rules": [
            {"id": kind, "shortDescription": {"text": words}} for kind, words in _RULES.items()
        ],
    }
    results = [_result(file, one) for one in checks if one.problem is not None]
    body = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return json.dumps(body, indent=2) + "\n"


def _result(file: str, check: Check) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": file}, "region": {"startLine": max(check.line, 1)}}
    return {
        "ruleId": check.kind,
        "level": "error",
        "message": {"text": f"{check.subject}: {check.problem}"},
        "locations": [{"physicalLocation": place}],
    }


def _text(text: str) -> str:
    """Text without what XML cannot hold."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)

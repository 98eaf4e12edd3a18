"""What an environment is made of, as CycloneDX has it: an inventory to be kept beside an artifact.

It says nothing of when it was written and has no number of its own, so that the same environment
gives the same bytes (both are optional: CycloneDX 1.6, ECMA-424, sections on `metadata` and
`serialNumber`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any
from urllib.parse import quote

from serve_app.registry.manifest import Manifest

SPECIFICATION = "1.6"
FILE = "sbom.cdx.json"
_NAMED = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")
_DPKG_STATUS = Path("var/lib/dpkg/status")


@dataclass(frozen=True, slots=True)
class Component:
    """A part: its address as a package (purl), and the addresses of what it needs, if known."""

    purl: str
    name: str
    version: str
    licence: str | None = None
    needs: tuple[str, ...] = ()
    digest: str | None = None
    kind: str = "library"

    def body(self) -> dict[str, Any]:
        """As CycloneDX writes it."""
        made: dict[str, Any] = {
            "type": self.kind,
            "bom-ref": self.purl,
            "name": self.name,
            "version": self.version,
            "purl": self.purl,
        }
        if self.digest is not None:
            made["hashes"] = [{"alg": "SHA-256", "content": self.digest}]
        if self.licence is not None:
            # Distributions write licences as they like; as an expression it would have to be one.
            made["licenses"] = [{"license": {"name": self.licence}}]
        return made


def of_python(path: Iterable[str] | None = None) -> list[Component]:
    """The distributions that are installed on `path`, or where this process looks for modules.

    Of two with one name the first counts, as it does for `import`.
    """
    installed = distributions() if path is None else distributions(path=list(path))
    first: dict[str, Distribution] = {}
    for one in installed:
        name = one.metadata["Name"]
        if name:
            first.setdefault(normal(name), one)
    return [_component(name, one, first) for name, one in sorted(first.items())]


def of_debian(root: Path = Path("/")) -> list[Component]:
    """The packages of the Debian below `root`; none where it is another system."""
    try:
        text = (root / _DPKG_STATUS).read_text(errors="replace")
    except OSError:
        return []
    return sorted(_debian_packages(text), key=lambda one: one.purl)


def of_versions(manifests: Iterable[Manifest]) -> list[Component]:
    """Versions of models, with the digests that their manifests have."""
    return [
        Component(
            f"pkg:generic/{quote(one.name)}@{one.version}",
            one.name,
            str(one.version),
            digest=one.digest,
            kind="machine-learning-model",
        )
        for one in manifests
    ]


def sbom(subject: str, version: str, components: Iterable[Component]) -> dict[str, Any]:
    """The inventory of `subject`, an application; the same for the same components."""
    parts = sorted(components, key=lambda one: one.purl)
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPECIFICATION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPECIFICATION,
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": subject,
                "name": subject,
                "version": version,
            }
        },
        "components": [one.body() for one in parts],
        "dependencies": [
            {"ref": one.purl, "dependsOn": sorted(one.needs)} for one in parts if one.needs
        ],
    }


def encode(body: Mapping[str, Any]) -> bytes:
    """An inventory as a file."""
    return json.dumps(body, indent=2, ensure_ascii=False).encode() + b"\n"


def normal(name: str) -> str:
    """A distribution's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _component(name: str, given: Distribution, first: Mapping[str, Distribution]) -> Component:
    needed = {normal(one) for one in _requirements(given)} - {name}
    needs = tuple(_python_purl(one, first[one].version) for one in needed if one in first)
    return Component(_python_purl(name, given.version), name, given.version, _licence(given), needs)


def _python_purl(name: str, version: str) -> str:
    return f"pkg:pypi/{name}@{quote(version)}"


def _requirements(given: Distribution) -> Iterator[str]:
    """What a distribution needs whatever extra is asked for, by name."""
    for one in given.requires or ():
        match = _NAMED.match(one)
        if match is not None and "extra" not in one.partition(";")[2]:
            yield match[1]


def _licence(given: Distribution) -> str | None:
    """What it says of its licence, where that is a name and not the whole text."""
    for key in ("License-Expression", "License"):
        stated = str((given.metadata.get_all(key) or [""])[0]).strip()
        if stated and "\n" not in stated and stated.upper() != "UNKNOWN":
            return stated
    prefix = "License :: "
    for one in given.metadata.get_all("Classifier") or ():
        if one.startswith(prefix):
            return str(one).rpartition(" :: ")[2]
    return None


def _debian_packages(status: str) -> Iterator[Component]:
    for block in status.split("\n\n"):
        lines = (line.partition(": ") for line in block.splitlines() if line[:1].strip())
        fields = {key: value for key, _, value in lines}
        if fields.get("Status", "").endswith(" installed"):
            name, version = fields["Package"], fields["Version"]
            architecture = quote(fields.get("Architecture", "all"))
            purl = f"pkg:deb/debian/{name}@{quote(version)}?arch={architecture}"
            yield Component(purl, name, version)

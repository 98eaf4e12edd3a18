"""A wheel as bytes: the same bytes for the same files, whenever and wherever it is made."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from serve_app.errors import InvalidInput

TAG = "py3-none-any"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_VERSION = re.compile(
    r"(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){0,3}((a|b|rc|\.post|\.dev)[0-9]{1,8})?"
)


@dataclass(frozen=True, slots=True)
class Distribution:
    """What a wheel says of itself; `name` and `version` are normalised, `needs` requirements."""

    name: str
    version: str
    summary: str
    python: str
    needs: Sequence[str]
    generator: str

    @property
    def stem(self) -> str:
        """The first two parts of the file's name."""
        return f"{package_name(self.name)}-{self.version}"

    @property
    def file_name(self) -> str:
        """The name of the wheel's file."""
        return f"{self.stem}-{TAG}.whl"


def distribution_name(model: str, version: int) -> str:
    """The normalised name of a version's distribution, `churn-1` of churn@1."""
    name = re.sub(r"[-_.]+", "-", f"{model}-{version}").lower()
    # A package whose name starts with a digit cannot be imported.
    return f"model-{name}" if name[0].isdigit() else name


def package_name(distribution: str) -> str:
    """The name under which a distribution is imported, and which stands in its file's name."""
    return distribution.replace("-", "_")


def check_version(version: str) -> str:
    """Let only versions pass that are written as packages write them, normalised.

    Raises:
        InvalidInput: it is no such version.
    """
    if _VERSION.fullmatch(version) is None:
        msg = f"{version!r} is no version of a package: write one like 1.0.0, 1.2 or 2.0.0rc1"
        raise InvalidInput(msg)
    return version


def wheel_bytes(distribution: Distribution, files: Mapping[str, bytes]) -> bytes:
    """A wheel of these files, by path, with METADATA, WHEEL and RECORD."""
    folder = f"{distribution.stem}.dist-info"
    everything = {
        **files,
        f"{folder}/METADATA": _metadata(distribution),
        f"{folder}/WHEEL": _wheel(distribution),
    }
    record = "".join(
        f"{_quoted(path)},{_digest(content)},{len(content)}\n"
        for path, content in sorted(everything.items())
    )
    # RECORD comes last, as the specification recommends, and has no digest of its own.
    ordered = sorted(everything.items(), key=lambda one: (one[0].startswith(folder), one[0]))
    own = f"{folder}/RECORD"
    ordered.append((own, f"{record}{_quoted(own)},,\n".encode()))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path, content in ordered:
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, whose file modes follow
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def _metadata(distribution: Distribution) -> bytes:
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {distribution.name}",
        f"Version: {distribution.version}",
        f"Summary: {' '.join(distribution.summary.split())}",
        f"Requires-Python: {distribution.python}",
        *(f"Requires-Dist: {need}" for need in distribution.needs),
    ]
    return ("\n".join(lines) + "\n").encode()


def _wheel(distribution: Distribution) -> bytes:
    lines = [
        "Wheel-Version: 1.0",
        f"Generator: {distribution.generator}",
        "Root-Is-Purelib: true",
        f"Tag: {TAG}",
    ]
    return ("\n".join(lines) + "\n").encode()


def _digest(content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
    return f"sha256={digest.decode()}"


def _quoted(path: str) -> str:
    return f'"{path}"' if "," in path else path

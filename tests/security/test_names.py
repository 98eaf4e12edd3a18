"""Names that lead elsewhere, by command, URL and YAML; and versions with published holes."""

from __future__ import annotations

import re
import tomllib
from contextlib import suppress
from pathlib import Path

import pydantic
import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from serve_app.cli.main import main
from serve_app.config.assignment import LayerName
from serve_app.config.endpoints import EndpointName
from serve_app.core import reference
from serve_app.documents.json_schema import documents, refused
from serve_app.errors import InvalidInput, ServeError
from serve_app.registry.manifest import check_path
from serve_app.registry.store import Registry

ROOT = Path(__file__).parents[2]
HOSTILE = [
    "a\n", "\na", "a\r", "a\0", "..", ".", "", "../a", "a/../b", "a/b", "/a", "a\\b", "%2e%2e",
    "%2e%2e%2fetc", "a%00", "a" * 64, "a" * 300, "A", "-a", "a b", "ä", "a\u2028", "\uff11", "~",
    "a:b",
    "con\u0000", "a?b", "a#b", "<script>",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=repr)
def test_a_hostile_name_names_no_model_alias_or_endpoint(name: str, tmp_path: Path) -> None:
    for check in (reference.check_model, reference.check_alias):
        with pytest.raises(InvalidInput):
            check(name)
    with pytest.raises(pydantic.ValidationError):
        pydantic.TypeAdapter(EndpointName).validate_python(name)
    with pytest.raises(pydantic.ValidationError):
        pydantic.TypeAdapter(LayerName).validate_python(name)
    for text in (f"{name}@1", f"model@{name}", f"model@1{name}" if name else "model@"):
        with pytest.raises(InvalidInput):
            reference.parse(text)
    outside = tmp_path / "kept"
    outside.write_text("kept")
    registry = Registry(str(tmp_path / "registry"))
    for touch in (registry.versions, lambda one: registry.manifest(one, 1)):
        with suppress(ServeError, ValueError):
            assert not touch(name)
    assert [one.name for one in tmp_path.iterdir() if one.name != "registry"] == ["kept"]


@pytest.mark.parametrize("name", ["a\n", "..", "../../etc", "%2e%2e", "a" * 300])
def test_commands_refuse_a_hostile_name_and_touch_nothing(name: str, tmp_path: Path) -> None:
    registry = tmp_path / "inner" / "registry"
    for command in (
        ["models", "show", f"{name}@1", "--registry", str(registry)],
        ["models", "alias", name, "champion", "1", "--registry", str(registry)],
    ):
        with pytest.raises(SystemExit) as ended:
            main(command)
        assert ended.value.code in {1, 2}
    assert list(tmp_path.rglob("*.json")) == []


@pytest.mark.parametrize("path", ["../x", "/x", "a/../x", ".x", "a//b", "a\\x", "a\0", "", "."])
def test_files_of_a_version_lie_inside_of_it(path: str) -> None:
    with pytest.raises(ValueError, match="cannot be a file of a version"):
        check_path(path)


def test_patterns_of_schemas_end_where_the_text_ends() -> None:
    """Python's `$` also lies before a last newline, and JSON Schema's does not."""
    schema = {"properties": {"name": {"type": "string", "pattern": "^[a-z]+$"}}}
    for text, wrong in (("name: abc", 0), ('name: "abc\\n"', 1), ('name: "ab c"', 1)):
        ((body, positions),) = documents(text)
        assert len(refused(body, positions, schema)) == wrong


# Where each release is the first without the holes that are published for it.
WITHOUT_HOLES = {
    "cryptography": "50.0.0",  # CVE-2026-26007, -34073, -39892, -69247
    "onnx": "1.21",  # CVE-2024-27318, CVE-2025-51480, CVE-2026-27489, -34445, -34447
    "orjson": "3.11.6",  # CVE-2025-67221
    "protobuf": "6.33.5",  # CVE-2025-4565, CVE-2026-0994
    "pyarrow": "23.0.1",  # CVE-2023-47248, CVE-2026-25087
    "skops": "0.15",  # CVE-2025-54412, -54413, and trees whose nodes are trusted
    "starlette": "1.3.0",  # CVE-2026-48710
}


def _requirements(file: Path) -> list[Requirement]:
    project = tomllib.loads(file.read_text())["project"]
    extras = project.get("optional-dependencies", {}).values()
    return [Requirement(one) for part in (project["dependencies"], *extras) for one in part]


@pytest.mark.parametrize("name", WITHOUT_HOLES)
def test_no_version_with_a_published_hole_may_be_installed(name: str) -> None:
    first = Version(WITHOUT_HOLES[name])
    files = (ROOT / "pyproject.toml", ROOT / "client" / "pyproject.toml")
    found = [one for file in files for one in _requirements(file) if one.name == name]
    assert found
    for one in found:
        bounds = [Version(s.version) for s in one.specifier if s.operator in {">=", "==", "~="}]
        assert bounds
        assert max(bounds) >= first
    pinned = re.search(rf"(?m)^{name}==(.+)$", (ROOT / "constraints.txt").read_text())
    assert pinned is not None
    assert Version(pinned[1]) >= first

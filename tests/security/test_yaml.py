"""YAML of strangers, wherever it is read: refused within a second, with the line."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from serve_app.cluster.description import check_description
from serve_app.documents.yaml_reading import MAX_DEPTH, read_documents, read_yaml
from serve_app.errors import ServeError
from serve_app.models.declared import declared
from serve_app.models.mlflow_directory import MlflowDirectory
from serve_app.platforms.kubernetes.checks import findings as kubernetes_findings
from serve_app.platforms.kubernetes.config_text import for_pods
from serve_app.platforms.ray_up.checks import findings as ray_up_findings
from serve_app.serving.checking.validate import validate
from serve_app.standalone.declaration import read_config


def _aliases(levels: int) -> str:
    """A billion laughs: each line stands for nine of the line before."""
    lines = ["a0: &a0 [1,1,1,1,1,1,1,1,1]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines)


# What is wrong, the text, and the line that is named.
HOSTILE = {
    "alias bomb": (_aliases(9), 5),
    "alias bomb of mappings": (
        "a: &a {x: 1}\n"
        + "\n".join(f"a{n}: &a{n} {{x: *a{n - 1}, y: *a{n - 1}}}" for n in range(1, 40)).replace(
            "*a0", "*a"
        ),
        11,
    ),
    "bomb of merge keys": (
        "a0: &a0 {k: 1}\n"
        + "\n".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 9)),
        5,
    ),
    "alias of itself": ("applications: &a\n- *a\n", 2),
    "nested lists": ("x: 1\ny: " + "[" * 100_000 + "]" * 100_000, 2),
    "nested mappings": ("x: 1\ny: " + "{a: " * 5_000 + "}" * 5_000, 2),
    "nested blocks": ("x: 1\n" + "".join(" " * n + "a:\n" for n in range(2_000)), MAX_DEPTH + 2),
    "nested dashes": ("x: 1\ny:\n" + "- " * 50_000 + "1", 3),
    "python object": ("x: 1\ny: !!python/object/apply:os.system ['touch hacked']\n", 2),
    "python name": ("x: 1\ny: !!python/name:os.system ''\n", 2),
    "own tag": ("x: 1\ny: !evil 1\n", 2),
    "no number": ("x: 1\ny: !!int nothing\n", 2),
    "no truth": ("x: 1\n\ny: !!bool perhaps\n", 3),
    "no day": ("x: 1\ny: 2024-02-31\n", 2),
    "too many digits": ("x: 1\ny: " + "9" * 5_000 + "\n", 2),
    "unhashable key": ("x: 1\n? [a, b]\n: 1\n", 2),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_hostile_is_refused_at_once_with_its_line(name: str) -> None:
    text, line = HOSTILE[name]
    started = time.perf_counter()
    with pytest.raises(yaml.YAMLError) as caught:
        read_yaml(text)
    assert time.perf_counter() - started < 1
    assert f"line {line}," in str(caught.value)
    with pytest.raises(yaml.YAMLError):
        read_documents(text)


def test_a_key_that_stands_twice_is_refused_with_both_lines() -> None:
    with pytest.raises(yaml.YAMLError, match=r"a\.b stands twice in one mapping \(line 2\)") as e:
        read_yaml("a:\n  b: 1\n  c: 2\n  b: 3\n")
    assert "line 4," in str(e.value)


def _mlmodel(file: Path) -> Any:
    (file.parent / "MLmodel").write_bytes(file.read_bytes())
    return MlflowDirectory(file.parent)


# Every place where a file of somebody's is read as YAML.
READERS: dict[str, Callable[[Path], Any]] = {
    "run --config": read_config,
    "--dtypes": lambda file: declared([str(file)]),
    "MLmodel": _mlmodel,
    "cluster description": check_description,
    "config for pods": lambda file: for_pods(file.read_text(), None),
}
CHECKS: dict[str, Callable[[Path], Any]] = {
    "validate": lambda file: validate(file).findings,
    "manifests": lambda file: kubernetes_findings(file.read_text()),
    "ray up": lambda file: ray_up_findings(file.read_text()),
}


@pytest.mark.parametrize("name", ["alias bomb", "nested lists", "python object", "no day"])
@pytest.mark.parametrize("reader", [*READERS, *CHECKS])
def test_every_reader_refuses_it_in_words(reader: str, name: str, tmp_path: Path) -> None:
    text, line = HOSTILE[name]
    file = tmp_path / "file.yaml"
    file.write_text(text)
    started = time.perf_counter()
    if reader in READERS:
        with pytest.raises(ServeError, match=f"line {line}\\b"):
            READERS[reader](file)
    else:
        (finding,) = CHECKS[reader](file)
        assert finding.line == line
    assert time.perf_counter() - started < 5  # The first check of all imports its libraries.
    assert not (tmp_path / "hacked").exists()


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(PLAIN)
def test_honest_documents_are_read_as_pyyaml_reads_them(value: Any) -> None:
    text = yaml.safe_dump(value)
    assert read_yaml(text) == yaml.safe_load(text)
    assert read_documents(text) == list(yaml.safe_load_all(text))


def test_aliases_that_stand_for_little_are_read() -> None:
    text = "base: &base {a: 1, b: [1, 2]}\none: *base\ntwo: {<<: *base, a: 3}\n"
    assert read_yaml(text) == yaml.safe_load(text)

"""Which modules go to a device, and under which name."""

import ast

import pytest

from serve_app.errors import ConfigError
from serve_app.export.vendor import closure, modules_of, vendored

RUNTIME = ["serve_app.export.runtime.command", *modules_of("serve_app.models.compiled")]


class WithoutTypes(ast.NodeTransformer):
    """Leaves out what is imported for types alone, and so by nobody who runs it."""

    def visit_If(self, node):
        return None if ast.unparse(node.test) == "TYPE_CHECKING" else node


def imports(content):
    for node in ast.walk(WithoutTypes().visit(ast.parse(content))):
        if isinstance(node, ast.ImportFrom):
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_what_a_module_imports_comes_with_it():
    needed = closure(["serve_app.models.replay"])
    assert {"serve_app.core.times", "serve_app.errors", "serve_app.core.columns"} <= needed
    assert "serve_app.registry.manifest" not in needed


def test_no_module_is_left_that_speaks_of_serve_app():
    files = vendored(RUNTIME, "churn_1")
    modules = {module for content in files.values() for module in imports(content)}
    assert not [one for one in modules if one.startswith("serve_app")]
    inner = {one for one in modules if one.startswith("churn_1")}
    for module in inner:
        path = module.removeprefix("churn_1.").replace(".", "/")
        assert f"{path}.py" in files or f"{path}/__init__.py" in files


def test_every_folder_is_a_package():
    files = vendored(RUNTIME, "churn_1")
    for path in files:
        folder = path.rpartition("/")[0]
        assert f"{folder}/__init__.py" in files


def test_what_needs_more_than_numpy_is_refused():
    with pytest.raises(ConfigError, match=r"serve_app\.registry\.fields imports pydantic"):
        vendored(["serve_app.registry.manifest"], "churn_1")

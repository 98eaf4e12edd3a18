"""Modules that are imported as if libraries were not installed that they can do without."""

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType


@contextlib.contextmanager
def hidden(libraries: Sequence[str]) -> Iterator[None]:
    """Let imports of libraries fail that nothing has imported before; nothing else notices."""
    unknown = [name for name in libraries if name not in sys.modules]
    sys.modules.update(dict.fromkeys(unknown))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in unknown:
            sys.modules.pop(name, None)


class _Hiding(Loader):
    """Loads one module while libraries are hidden."""

    def __init__(self, loader: Loader, libraries: Sequence[str]) -> None:
        self._loader = loader
        self._libraries = libraries

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        with hidden(self._libraries):
            self._loader.exec_module(module)


class Without(MetaPathFinder):
    """Finds modules that do without libraries: `Without({"ray.serve.utils": ["pandas"]})`."""

    def __init__(self, libraries: Mapping[str, Sequence[str]]) -> None:
        self._libraries = libraries

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where a module is; none for all that is not ours."""
        if fullname not in self._libraries:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return None
        spec.loader = _Hiding(spec.loader, self._libraries[fullname])
        return spec

"""Which config a demo runs, and which examples it needs."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import yaml

from serve_app.cli.ports import USUAL_HTTP
from serve_app.errors import NotFound

LOCAL = "local"


def config_for(http_port: int, state: Path, config: str = LOCAL) -> Path:
    """A file, or the config of that name: this folder's, or the one that came with the package.

    Where it is of another port, a copy of it for `http_port` in the folder `state`.

    Raises:
        NotFound: there is neither a file nor a config of that name; says which there are.
    """
    path = Path(config)
    local = path if path.suffix in {".yaml", ".yml"} else Path("configs") / f"{config}.yaml"
    if local.is_file():
        text = local.read_text()
        if _port(text) == http_port:
            return local
    else:
        text = _packaged(local.stem if local.parent == Path("configs") else None, config)
    made = state / local.name
    made.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made.write_text(text.replace(f"port: {_port(text)}", f"port: {http_port}", 1))
    return made


def config_names() -> list[str]:
    """The names of all configs that came with the package, and those of this folder."""
    there = [*_folder().iterdir(), *Path("configs").glob("*.yaml")]
    return sorted({one.name.removesuffix(".yaml") for one in there if one.name.endswith(".yaml")})


def examples_of(text: str) -> tuple[str, ...]:
    """The examples whose models a config names."""
    # It imports scikit-learn, which takes seconds.
    from serve_app.examples.trained import EXAMPLES

    return tuple(
        example
        for example, models in EXAMPLES.items()
        if any(f"{model}@" in text for model in models)
    )


def _port(text: str) -> int:
    options = (yaml.safe_load(text) or {}).get("http_options") or {}
    return int(options.get("port", USUAL_HTTP))


def _packaged(name: str | None, config: str) -> str:
    """A config as it was installed."""
    path = None if name is None else _folder() / f"{name}.yaml"
    if path is None or not path.is_file():
        msg = f"there is no config {config!r}; name a file, or one of {', '.join(config_names())}"
        raise NotFound(msg)
    return path.read_text()


def _folder() -> Traversable:
    """Where configs are: in a wheel inside the package, in a checkout beside it."""
    package = resources.files("serve_app")
    inside = package / "configs"
    return inside if inside.is_dir() else package / ".." / "configs"

"""Where the versions of one process stand: a registry, or a folder that holds one version."""

from __future__ import annotations

import tempfile
from pathlib import Path

import fsspec
import pydantic

from serve_app.errors import ConfigError
from serve_app.registry.contents import MANIFEST
from serve_app.registry.files import Files
from serve_app.registry.manifest import Manifest
from serve_app.registry.store import Registry
from serve_app.registry.trust import Trust


def opened(models: str, trust: Trust | None = None) -> Registry:
    """The registry at a folder or URL; one around it where that is the folder of one version.

    Platforms unpack the files of one model into a folder of their own, which has lost the names
    of the folders around it. They stand in its manifest.
    `trust` checks the signatures of all that is read.

    Raises:
        ConfigError: the manifest cannot be read.
        RegistryFailed: the folder or URL cannot be read.
    """
    content = Files(models).read(MANIFEST)
    if content is None:
        return Registry(models, trust=trust)
    try:
        manifest = Manifest.decode(content)
    except pydantic.ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"])) or "the file"
        msg = f"{models}/{MANIFEST} is damaged: {where}: {problem['msg']}; copy it there again"
        raise ConfigError(msg) from None
    around = Path(tempfile.mkdtemp(prefix="serve-app-run-")) / manifest.name
    around.mkdir()
    folder = around / str(manifest.version)
    if "://" in models:
        fs, path = fsspec.url_to_fs(models)
        fs.get(path, str(folder), recursive=True)
    else:
        folder.symlink_to(Path(models).resolve(), target_is_directory=True)
    return Registry(str(around.parent), trust=trust)


def models_in(registry: Registry, models: str) -> list[str]:
    """The names of the models that there are.

    Raises:
        ConfigError: there is none; says where it was looked.
    """
    known = registry.models()
    if not known:
        msg = f"there is no model in {models}; register one, or name the place with --registry"
        raise ConfigError(msg)
    return known


def only_model(registry: Registry, models: str) -> str:
    """The model that is meant where none was named: the only one, in its newest version.

    Raises:
        ConfigError: there is none, or there are several.
    """
    known = models_in(registry, models)
    if len(known) == 1:
        return known[0]
    listed = ", ".join(known[:5]) + (", …" if len(known) > 5 else "")
    msg = f"{models} holds {len(known)} models ({listed}); name those that shall answer"
    raise ConfigError(msg)

"""Which of the builders in `serve_app.app` makes an application of a config."""

from collections.abc import Mapping
from typing import Any

_MODULE = "serve_app.app"


def builder_of(application: Mapping[str, Any]) -> str:
    """The name of the builder that an `import_path` names; empty where it is none of ours.

    Ray reads `package.module:name` and `package.module.name` alike.
    """
    module, _, name = str(application.get("import_path", "")).replace(":", ".").rpartition(".")
    return name if module == _MODULE else ""

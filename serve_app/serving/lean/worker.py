"""A worker of Ray's that imports no library which only others of Ray's users need.

Serve imports pandas to answer with frames by itself, which gateways never let it do. Ray imports
PyArrow so that a part of a table is sent without the rest of it, and we send none. Both are there
for whoever imports them.
"""

import gc
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

COLLECTIONS = (50_000, 20, 100)
"""Imports make objects by the hundred thousand that stay: looking through them again and again
took a tenth of their time. Gateways and models go on with thresholds of their own."""
WITHOUT = {"ray.serve._private.utils": ("pandas",)}


def leave_tables(_: Any) -> None:
    """Let tables of PyArrow be sent as they are."""


def main() -> None:
    """Go on as Ray's own worker."""
    gc.set_threshold(*COLLECTIONS)
    from ray._private import arrow_serialization  # noqa: PLC0415 - all of Ray

    from serve_app.serving.lean.without import Without  # noqa: PLC0415 - by its path alone

    arrow_serialization._register_custom_datasets_serializers = leave_tables  # noqa: SLF001
    sys.meta_path.insert(0, Without(WITHOUT))
    ray = find_spec("ray")
    folder = Path(str(ray.origin)).parent if ray else Path()
    runpy.run_path(str(folder / "_private" / "workers" / "default_worker.py"), run_name="__main__")


if __name__ == "__main__":
    # The folder of this file, whose modules would hide others of their names.
    del sys.path[0]
    main()

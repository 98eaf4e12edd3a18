"""What Triton adds to the Open Inference Protocol: configurations, statistics, a repository.

https://github.com/triton-inference-server/server/tree/main/docs/protocol
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from serve_app.core.counts import Counts
from serve_app.core.violations import value_text
from serve_app.errors import BadEncoding, NotPermitted
from serve_app.protocols.bodies import json_body

# The numbers of Triton's `DataType`, by what the protocol calls a datatype.
DATA_TYPES = {
    "BOOL": 1,
    **{f"UINT{8 << step}": 2 + step for step in range(4)},
    **{f"INT{8 << step}": 6 + step for step in range(4)},
    "FP16": 10,
    "FP32": 11,
    "FP64": 12,
    "BYTES": 13,
}


def configuration(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a model, from its metadata, with its datatypes by name.

    Shapes are whole, batches included, as `max_batch_size` 0 says.
    """
    tensors = {
        key: [
            {
                "name": one["name"],
                "data_type": "TYPE_" + one["datatype"].replace("BYTES", "STRING"),
                "dims": one["shape"],
            }
            for one in metadata[key]
        ]
        for key in ("inputs", "outputs")
    }
    return {
        "name": metadata["name"],
        "platform": metadata["platform"],
        "backend": metadata["platform"],
        "max_batch_size": 0,
        "input": tensors["inputs"],
        "output": tensors["outputs"],
    }


def numbered(configured: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with its datatypes by number, as gRPC has them."""
    tensors = {
        key: [
            {**one, "data_type": DATA_TYPES[one["data_type"][5:].replace("STRING", "BYTES")]}
            for one in configured[key]
        ]
        for key in ("input", "output")
    }
    return {**configured, **tensors}


def statistics(name: str, versions: Sequence[str], counts: Counts) -> dict[str, Any]:
    """How much a model was asked in this process."""
    return {
        "name": name,
        "version": ",".join(versions),
        "inference_count": counts.rows,
        "execution_count": counts.answered,
        "inference_stats": {
            "success": {"count": counts.answered, "ns": round(counts.answered_s * 1e9)},
            "fail": {"count": counts.failed, "ns": round(counts.failed_s * 1e9)},
        },
    }


def index(
    versions: Mapping[str, Mapping[str, bool]], only_ready: bool = False
) -> list[dict[str, str]]:
    """All models with their versions, each with whether it could answer."""
    return [
        {
            "name": name,
            "version": version,
            "state": "READY" if alive else "UNAVAILABLE",
            "reason": "" if alive else "no replica could answer",
        }
        for name, states in versions.items()
        for version, alive in states.items()
        if alive or not only_ready
    ]


NOT_TRACED = "requests are not traced by Triton's settings here; nothing of them can be changed"
TRACE_SETTINGS: Mapping[str, Any] = {
    "trace_level": ["OFF"],
    "trace_rate": "1000",
    "trace_count": "-1",
    "log_frequency": "0",
}
"""How Triton says that it traces nothing."""
NOT_SHARED = "memory is not shared with clients here; send tensors in the request"


def only_ready(body: bytes) -> bool:
    """Whether a request for the list of models wants those alone that are ready.

    Raises:
        BadEncoding: it is no JSON object, or 'ready' is neither true nor false.
    """
    if not body.strip():
        return False
    ready = json_body.parse(body).get("ready")
    if ready is not None and not isinstance(ready, bool):
        raise BadEncoding(f"Invalid value for 'ready': expected a boolean, got {value_text(ready)}")
    return bool(ready)


def not_loaded(models: Mapping[str, int]) -> list[dict[str, str]]:
    """Models that could be loaded, each by its newest version, as a list of models has them."""
    return [
        {"name": name, "version": str(version), "state": "UNAVAILABLE", "reason": "unloaded"}
        for name, version in sorted(models.items())
    ]


def check_load(body: bytes) -> None:
    """Return where a request to load a model says nothing of how.

    Raises:
        BadEncoding: it is no JSON object.
        NotPermitted: it brings a configuration or files, which are never taken from requests.
    """
    if not body.strip():
        return
    parameters = json_body.members(json_body.parse(body), "parameters")
    if any(name == "config" or name.startswith("file:") for name in parameters):
        raise NotPermitted(NO_FILES)


NO_FILES = (
    "configurations and files of models are not taken from requests: serve-app register puts "
    "versions into the registry"
)


def cannot_unload(name: str) -> str:
    """Why a model is not unloaded, and what to do."""
    return (
        f"{name[:80]!r} is not unloaded by requests: take it out of the configuration and "
        "deploy that with serve-app deploy"
    )

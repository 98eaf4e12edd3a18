"""What Serve settles when it starts and takes from no later config.

Serve itself goes on with a warning in a log of its own, and the change is lost.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ray.serve.schema import ServeDeploySchema

_SECTIONS = ("http_options", "grpc_options")
_SECRET = "ssl_keyfile_password"  # noqa: S105 - the name of a key


def differences(
    declared: Mapping[str, Any], standing: Mapping[str, Any], http_port: int
) -> list[str]:
    """What a config says otherwise than a cluster that runs, a line for each key.

    `standing` is what Serve's REST API says, which has no options before Serve starts with the
    first config; `http_port` is the port that the cluster was started with.
    """
    schema = ServeDeploySchema.model_validate(declared)
    meant = schema.model_dump(mode="json", include={*_SECTIONS, "proxy_location"})
    port = meant["http_options"]["port"]
    differences = []
    if port != http_port:
        words = _words(declared, "http_options", "port", port)
        differences.append(f"http_options.port: {words}, the cluster runs on {http_port}")
    for section in _SECTIONS:
        differences.extend(_section(section, declared, meant[section], standing.get(section) or {}))
    location = standing.get("proxy_location")
    if location and location != meant["proxy_location"]:
        words = _words(declared, "proxy_location", "", meant["proxy_location"])
        differences.append(f"proxy_location: {words}, Serve runs with {location!r}")
    return differences


def _section(
    section: str, declared: Mapping[str, Any], meant: Mapping[str, Any], stands: Mapping[str, Any]
) -> Iterator[str]:
    for key, value in meant.items():
        if key not in stands or stands[key] == value:
            continue
        if (section, key) == ("http_options", "port"):
            continue
        if key == _SECRET:
            yield f"{section}.{key}: the file has another than Serve runs with"
            continue
        words = _words(declared, section, key, value)
        yield f"{section}.{key}: {words}, Serve runs with {stands[key]!r}"


def _words(declared: Mapping[str, Any], section: str, key: str, value: Any) -> str:
    """Whether the file says a value, or says nothing and means it."""
    written = declared.get(section)
    there = written is not None and (not key or key in written)
    return f"the file says {value!r}" if there else f"the file says nothing, which means {value!r}"

"""What is wrong with a file for `ray up`, before any machine is paid for.

Ray itself checks keys of the first levels once it has filled in its defaults; what stands in
`provider` and `node_config` it passes on, so that a cloud, or nobody, complains.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import yaml

from serve_app.documents.finding import Finding
from serve_app.documents.json_schema import documents, dotted, refused
from serve_app.documents.near_names import did_you_mean, nearest_names
from serve_app.documents.yaml_lines import Positions
from serve_app.errors import NotReady
from serve_app.platforms.ray_up import aws_model, azure_model, gcp_model
from serve_app.platforms.ray_up.provider_keys import BY_PROVIDER
from serve_app.platforms.ray_up.ray_files import SCHEMA, ray_json
from serve_app.platforms.ray_up.rules import RULES
from serve_app.platforms.ray_up.start_rules import starts

Body = Mapping[str, Any]
NODE_CONFIGS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "aws": aws_model.node_config_schema,
    "gcp": gcp_model.node_config_schema,
    "azure": azure_model.node_config_schema,
}


def recognised(body: Any) -> bool:
    """Whether a document is meant for `ray up`."""
    return isinstance(body, Mapping) and {"cluster_name", "provider"} & set(body) != set()


def findings(text: str, *, without_libraries: bool = False) -> list[Finding]:
    """Everything that is wrong with a file, by line; nothing where `ray up` can take it.

    What cannot be looked through, since the cloud's library is not installed, is wrong too, but
    `without_libraries`.
    """
    try:
        parts = documents(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = 1 if mark is None else mark.line + 1
        return [Finding(line, "", f"line {line}: no YAML: {' '.join(str(error).split())}")]
    if len(parts) != 1 or not isinstance(parts[0][0], Mapping):
        return [Finding(1, "", "a file for ray up is one mapping: cluster_name, provider and more")]
    body, positions = parts[0]
    unread = () if without_libraries else _unread(body, positions)
    return sorted({*_by_schema(body, positions), *_by_rules(body, positions), *unread})


def _by_schema(body: Body, positions: Positions) -> Iterator[Finding]:
    provider, kind = _provider(body)
    # Ray takes this number of machines that are there out of the file before it checks it.
    checked = {key: one for key, one in body.items() if (key, kind) != ("min_workers", "local")}
    with contextlib.suppress(NotReady):
        yield from refused(checked, positions, ray_json(SCHEMA))
    if kind is None:
        yield from _misspelt_type(provider, positions)
        return
    keys = BY_PROVIDER.get(kind)
    if keys is None:
        yield _unknown_provider(kind, positions)
        return
    yield from refused(provider, positions, keys.schema, ("provider",))
    if kind == "local":
        yield from _machines(provider, positions)
    else:
        yield from _node_configs(kind, body.get("available_node_types"), positions)


def _misspelt_type(provider: Body, positions: Positions) -> Iterator[Finding]:
    for key in map(str, provider):
        meant = did_you_mean(key, ("type",))
        if meant and key != "type":
            path = ("provider", key)
            yield Finding(positions.line(path), dotted(path), f"there is no key {key!r}.{meant}")


def _node_configs(kind: str, types: Any, positions: Positions) -> Iterator[Finding]:
    with contextlib.suppress(NotReady):
        schema = NODE_CONFIGS[kind]()
        for name, one in types.items() if isinstance(types, Mapping) else ():
            config = one.get("node_config") if isinstance(one, Mapping) else None
            if config is not None:
                at = ("available_node_types", name, "node_config")
                yield from refused(config, positions, schema, at)


def _unread(body: Body, positions: Positions) -> Iterator[Finding]:
    """What could not be looked through, for want of the libraries that say what is right."""
    _, kind = _provider(body)
    schemas: dict[str, Callable[[], Any]] = {"": lambda: ray_json(SCHEMA)}
    if kind is not None and kind in NODE_CONFIGS:
        schemas["available_node_types"] = NODE_CONFIGS[kind]
    for key, schema in schemas.items():
        try:
            schema()
        except NotReady as error:
            yield Finding(positions.line((key,)), key, error.message)


def _provider(body: Body) -> tuple[Body, str | None]:
    """The section of the provider, and its type where it says one."""
    provider = body.get("provider")
    section = provider if isinstance(provider, Mapping) else {}
    kind = section.get("type")
    return section, kind if isinstance(kind, str) else None


def _machines(provider: Body, positions: Positions) -> Iterator[Finding]:
    line = positions.line(("provider",))
    if "coordinator_address" not in provider:
        for key in ("head_ip", "worker_ips"):
            if key not in provider:
                yield Finding(line, "provider", f"lacks {key!r}, the machines that are there")
    workers = provider.get("worker_ips")
    addresses = [provider.get("head_ip"), *(workers if isinstance(workers, list) else ())]
    for index, address in enumerate(addresses[1:]):
        if address in addresses[: index + 1]:
            path = ("provider", "worker_ips", index)
            yield Finding(
                positions.line(path),
                dotted(path),
                f"{address} is listed twice; one machine, one node",
            )


def _unknown_provider(kind: str, positions: Positions) -> Finding:
    path = ("provider", "type")
    near = nearest_names(kind, BY_PROVIDER)
    meant = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    known = ", ".join(BY_PROVIDER)
    message = f"{kind!r} is none of the providers that are known here: {known}.{meant}"
    return Finding(positions.line(path), dotted(path), message)


def _by_rules(body: Body, positions: Positions) -> Iterator[Finding]:
    for rule in (*RULES, starts):
        for path, message in rule(body):
            yield Finding(positions.line(path), dotted(path), message)

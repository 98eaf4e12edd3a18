"""What a replica asks of Ray, and whether any node can ever hold it.

Serve leaves a replica that fits on no node pending without end, and one whose options Ray refuses
it starts again and again. All of it is said before anything is deployed.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Path_ = tuple[str | int, ...]
Amounts = Mapping[str, float]

OPTIONS = "ray_actor_options"
BUNDLES = "placement_group_bundles"
_ACCELERATOR = "accelerator_type:"
_SMALLEST = 0.0001
"""Ray counts in units of this."""
_WHOLE_ONLY = frozenset(
    {"GPU", "TPU", "NPU", "HPU", "RBLN", "FURIOSA", "TTNPU", "MBLT", "neuron_cores"}
)
"""Ray hands these out as whole units, or parts of one."""
_KEYS = {"CPU": "num_cpus", "GPU": "num_gpus", "memory": "memory"}
_GIB = 1024**3


def problems(
    deployment: Mapping[str, Any], nodes: Sequence[Amounts], *, on_gpu: bool
) -> Iterator[tuple[Path_, str]]:
    """All that is wrong with what a deployment asks for, on these nodes; a model `on_gpu` too."""
    refusals = list(refused(deployment))
    yield from refusals or unplaceable(deployment, nodes)
    if on_gpu and without_gpu(deployment):
        message = (
            "the model computes on `device: cuda`, but its replicas ask for no GPU and would see "
            "none; write `num_gpus: 1` here, or `device: cpu` in `args`"
        )
        yield (OPTIONS,), message


def refused(deployment: Mapping[str, Any]) -> Iterator[tuple[Path_, str]]:
    """What Ray refuses of a deployment's options on any cluster: where, and in words.

    Negative numbers in `ray_actor_options` itself are left to Serve's own schema.
    """
    options = _mapping(deployment.get(OPTIONS))
    for key, name in (("num_gpus", "GPU"), ("num_cpus", "CPU"), ("memory", "memory")):
        amount = _option(options, key)
        if amount is not None and amount >= 0:
            yield from (((OPTIONS, key), words) for words in _refused_amount(name, amount))
    for name, amount in _mapping(options.get("resources")).items():
        where: Path_ = (OPTIONS, "resources", str(name))
        if name in {"CPU", "GPU"}:
            yield where, f"write `{_KEYS[name]}` in `{OPTIONS}` instead of {name!r} here"
        else:
            yield from ((where, words) for words in _refused_amount(str(name), amount))
    for index, bundle in enumerate(_bundles(deployment)):
        for name, amount in bundle.items():
            where = (BUNDLES, index, str(name))
            yield from ((where, words) for words in _refused_amount(str(name), amount))
    yield from _beyond_first_bundle(deployment)


def without_gpu(deployment: Mapping[str, Any]) -> bool:
    """Whether a deployment's replicas would see no GPU, since they ask for none."""
    return not _option(_mapping(deployment.get(OPTIONS)), "num_gpus")


def unplaceable(
    deployment: Mapping[str, Any], nodes: Sequence[Amounts]
) -> Iterator[tuple[Path_, str]]:
    """Why no node can ever hold a replica of a deployment: where it asks for it, and in words.

    `nodes` says what each node of the cluster has in all, whoever uses it now. A replica must find
    everything on one node, or each of its bundles must.
    """
    if not nodes:
        return
    bundles = _bundles(deployment)
    if bundles:
        yield from _unplaceable_bundles(deployment, [_amounts(one) for one in bundles], nodes)
        return
    wanted = _wanted(deployment)
    if _fits(wanted, nodes):
        return
    alone = [name for name, amount in wanted.items() if not _fits({name: amount}, nodes)]
    for name in alone:
        most = max(node.get(name, 0.0) for node in nodes)
        yield _where(name), f"asks for {_words(name, wanted[name])}; {_largest(name, most)}"
    if not alone:
        message = (
            f"asks for {_listed(wanted)} at once, which no node has: "
            f"{_listed_nodes(wanted, nodes)}; ask for less, or add a node that has all of it"
        )
        yield (OPTIONS,), message


def _unplaceable_bundles(
    deployment: Mapping[str, Any], bundles: Sequence[Amounts], nodes: Sequence[Amounts]
) -> Iterator[tuple[Path_, str]]:
    strategy = deployment.get("placement_group_strategy") or "PACK"
    if strategy == "STRICT_PACK":
        # All bundles share one node.
        bundles = [{n: sum(b.get(n, 0.0) for b in bundles) for b in bundles for n in b}]
    lonely = [index for index, bundle in enumerate(bundles) if not _fits(bundle, nodes)]
    for index in lonely:
        where: Path_ = (BUNDLES,) if strategy == "STRICT_PACK" else (BUNDLES, index)
        wanted = bundles[index]
        there = _listed_nodes(wanted, nodes)
        yield where, f"asks for {_listed(wanted)} on one node, which none has: {there}"
    if not lonely:
        yield from (((BUNDLES,), words) for words in _too_much_together(bundles, nodes, strategy))


def _too_much_together(
    bundles: Sequence[Amounts], nodes: Sequence[Amounts], strategy: str
) -> Iterator[str]:
    """What bundles ask for in all that the cluster does not have, though each fits alone."""
    if strategy == "STRICT_SPREAD" and len(bundles) > len(nodes):
        yield (
            f"asks for {len(bundles)} nodes, one for each bundle (STRICT_SPREAD); "
            f"the cluster has {len(nodes)}"
        )
    for name in sorted({name for bundle in bundles for name in bundle}):
        amount = sum(bundle.get(name, 0.0) for bundle in bundles)
        there = sum(node.get(name, 0.0) for node in nodes)
        if amount > there + _SMALLEST / 2:
            yield (
                f"asks for {_words(name, amount)} in all; all nodes together have "
                f"{_words(name, there)}"
            )


def _beyond_first_bundle(deployment: Mapping[str, Any]) -> Iterator[tuple[Path_, str]]:
    bundles = _bundles(deployment)
    if not bundles:
        return
    first = _amounts(bundles[0])
    for name, amount in _wanted(deployment).items():
        if not name.startswith(_ACCELERATOR) and amount > first.get(name, 0.0):
            there = _words(name, first.get(name, 0.0))
            message = (
                f"asks for {_words(name, amount)}, but a replica lies in the first of its "
                f"`{BUNDLES}`, which has {there}"
            )
            yield _where(name), message


def _refused_amount(name: str, amount: Any) -> Iterator[str]:
    """What Ray says against an amount of one resource."""
    if not _is_number(amount) or not math.isfinite(amount):
        yield f"{amount!r} is no amount of {name}; write a number"
    elif amount < 0:
        yield f"{amount:g} {name} cannot be; write 0 or more"
    elif 0 < amount < _SMALLEST:
        yield f"{amount:g} {name} is less than Ray counts; write {_SMALLEST} or more"
    elif name in _WHOLE_ONLY and amount > 1 and amount != int(amount):
        yield (
            f"{amount:g} {name}s cannot be reserved: Ray gives a part of one {name} or whole ones; "
            f"write {int(amount)} or {int(amount) + 1}, or less than 1"
        )


def _wanted(deployment: Mapping[str, Any]) -> dict[str, float]:
    """What a replica asks of its node, by Ray's names of resources."""
    options = _mapping(deployment.get(OPTIONS))
    cpus = _option(options, "num_cpus")
    wanted: dict[str, Any] = {
        # Without a number Serve reserves a whole CPU.
        "CPU": 1 if cpus is None else cpus,
        "GPU": _option(options, "num_gpus"),
        "memory": _option(options, "memory"),
    }
    wanted.update(_mapping(options.get("resources")))
    if isinstance(options.get("accelerator_type"), str):
        wanted[_ACCELERATOR + options["accelerator_type"]] = 0.001
    return _amounts(wanted)


def _amounts(wanted: Mapping[str, Any]) -> dict[str, float]:
    return {str(n): float(a) for n, a in wanted.items() if _is_number(a) and a > 0}


def _bundles(deployment: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    given = deployment.get(BUNDLES)
    return [one for one in given if isinstance(one, Mapping)] if isinstance(given, list) else []


def _fits(wanted: Amounts, nodes: Sequence[Amounts]) -> bool:
    return any(
        all(amount <= node.get(name, 0.0) + _SMALLEST / 2 for name, amount in wanted.items())
        for node in nodes
    )


def _where(name: str) -> Path_:
    if name.startswith(_ACCELERATOR):
        return OPTIONS, "accelerator_type"
    return (OPTIONS, _KEYS[name]) if name in _KEYS else (OPTIONS, "resources", name)


def _largest(name: str, most: float) -> str:
    if most == 0:
        return "no node has any; ask for less, or add a node that has it"
    return f"the largest node has {_words(name, most)}; ask for less, or add a larger node"


def _listed(wanted: Amounts) -> str:
    return ", ".join(_words(name, amount) for name, amount in wanted.items())


def _listed_nodes(wanted: Amounts, nodes: Sequence[Amounts]) -> str:
    """What the nodes have of what is asked, the same nodes once."""
    by_node = [", ".join(_words(name, node.get(name, 0.0)) for name in wanted) for node in nodes]
    return " | ".join(dict.fromkeys(by_node))


def _words(name: str, amount: float) -> str:
    if name == "memory":
        in_gib = f"{amount / _GIB:.3g} GiB of memory"
        return in_gib if amount >= _GIB / 10 else f"{amount:.0f} bytes of memory"
    if name in {"CPU", "GPU"}:
        return f"{amount:g} {name}{'' if amount == 1 else 's'}"
    if name.startswith(_ACCELERATOR):
        return f"an accelerator of the type {name.removeprefix(_ACCELERATOR)!r}"
    return f"{amount:g} of {name!r}"


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


def _option(options: Mapping[Any, Any], key: str) -> float | None:
    """A number of `ray_actor_options`, as Serve reads it: YAML takes `1e9` for a text."""
    value = options.get(key)
    try:
        return None if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

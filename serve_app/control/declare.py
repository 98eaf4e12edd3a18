"""From declared endpoints to their full description, resolved against the registry."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from serve_app.config import (
    ColumnSettings,
    ControlSettings,
    EndpointSettings,
    EnsembleRoute,
    SplitRoute,
)
from serve_app.core import combine, targets
from serve_app.core.cache import CacheLimits
from serve_app.core.reference import split_version
from serve_app.core.signature import Column, Output, Signature
from serve_app.core.snapshot import Endpoint, Preprocess, Variant
from serve_app.errors import ConfigError, ServeError
from serve_app.registry.manifest import Manifest

ManifestOf = Callable[[str, int], Manifest]
KeyPath = tuple[str | int, ...]
Placed = tuple[KeyPath, Manifest | None]
"""The keys that lead to a reference, and the manifest of the version that it names."""
VARIANT_SHARE_OF_TIME = 0.8


@dataclass(frozen=True, slots=True)
class Problem:
    """What does not fit in a declaration: the keys that lead there, and what to do."""

    path: KeyPath
    message: str


@dataclass(frozen=True, slots=True)
class Declaration:
    """Declared endpoints with their hash, and everything that was wrong with the rest."""

    hash: str
    endpoints: Mapping[str, Endpoint]
    problems: tuple[Problem, ...]

    def checked(self) -> Mapping[str, Endpoint]:
        """The endpoints.

        Raises:
            ConfigError: something did not fit; names all of it.
        """
        if self.problems:
            listed = "; ".join(
                f"{'.'.join(str(key) for key in p.path)}: {p.message}" for p in self.problems
            )
            raise ConfigError(listed)
        return self.endpoints


def declare(settings: ControlSettings, manifest_of: ManifestOf) -> Declaration:
    """Describe every declared endpoint in full, reporting all problems at once."""
    endpoints: dict[str, Endpoint] = {}
    problems: list[Problem] = []
    for name, endpoint in settings.endpoints.items():
        found = _Endpoint(name, endpoint, manifest_of)
        spec = found.describe()
        problems.extend(found.problems)
        if spec is not None:
            endpoints[name] = spec
    return Declaration(declaration_hash(settings), endpoints, tuple(problems))


def declaration_hash(settings: ControlSettings) -> str:
    """The hash by which a declaration is known, whatever the registry makes of it."""
    canonical = json.dumps(settings.declaration(), sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


class _Endpoint:
    """Describes one endpoint, collecting what does not fit."""

    def __init__(self, name: str, settings: EndpointSettings, manifest_of: ManifestOf) -> None:
        self._name = name
        self._settings = settings
        self._manifest_of = manifest_of
        self.problems: list[Problem] = []

    def describe(self) -> Endpoint | None:
        """The endpoint's description, or none when something does not fit."""
        settings = self._settings
        route = settings.route
        manifests = self._variants()
        first = next((m for _, m in manifests if m is not None), None)
        preprocess = self._preprocess()
        fallback = self._fallback()
        if first is None or (settings.preprocess is not None and preprocess is None):
            return None
        scored = self._scored(manifests)
        output = (first.signature if scored else first.signature.without_raw_scores()).output
        if not self._alike(manifests, fallback):
            output = replace(output, columns=(), named=())
        takers = (
            [preprocess]
            if preprocess
            else [m for _, m in (*manifests, *([fallback] if fallback else [])) if m]
        )
        by_position = all(taker.signature.by_position for taker in takers)
        inputs = (preprocess or first).signature.inputs
        for path, manifest in (*manifests, *([fallback] if fallback else [])):
            if manifest is not None:
                self._same_output(path, manifest, first)
                self._fed(path, manifest, first, preprocess)
        self._combines(first)
        columns = self._corrected(inputs)
        if self.problems:
            return None
        answering = [m for _, m in (*manifests, *([fallback] if fallback else [])) if m is not None]
        takers = [preprocess] if preprocess else answering
        by_position = all(taker.signature.by_position for taker in takers)
        weights = {variant.model: variant.weight for variant in settings.variants}
        variants = tuple(_variant(m, weights[m.reference]) for _, m in manifests if m is not None)
        rescue = fallback[1] if fallback else None
        return Endpoint(
            name=self._name,
            kind=route.kind,
            signature=Signature(columns, output, by_position=by_position)
            if preprocess
            else replace(first.signature, inputs=columns, output=output, by_position=by_position),
            variants=variants,
            timeout_s=settings.timeout_s,
            variant_timeout_s=settings.variant_timeout_s
            or settings.timeout_s * VARIANT_SHARE_OF_TIME,
            key=route.key if isinstance(route, SplitRoute) else None,
            combine=route.combine if isinstance(route, EnsembleRoute) else None,
            quorum=_quorum(settings),
            fallback=None if rescue is None else _variant(rescue, 0.0),
            preprocess=None
            if preprocess is None or settings.preprocess is None
            else Preprocess(preprocess.reference, settings.preprocess.placement == "inline"),
            reactions=settings.schema_.reactions(),
            example=_example(preprocess or first),
            inline=settings.placement == "inline",
            cache=None
            if settings.cache is None
            else CacheLimits(settings.cache.rows, settings.cache.ttl_s),
        )

    def _problem(self, path: KeyPath, message: str) -> None:
        self.problems.append(Problem(("endpoints", self._name, *path), message))

    def _manifest(self, path: KeyPath, reference: str) -> Manifest | None:
        model, version = split_version(reference)
        try:
            return self._manifest_of(model, version)
        except ServeError as error:
            self._problem(path, error.message)
            return None

    def _variants(self) -> list[Placed]:
        single = self._settings.route.kind == "single"
        found: list[Placed] = []
        for index, variant in enumerate(self._settings.variants):
            path: KeyPath = ("route", "model") if single else ("route", "variants", index, "model")
            found.append((path, self._predictor(path, variant.model)))
        return found

    def _predictor(self, path: KeyPath, reference: str) -> Manifest | None:
        manifest = self._manifest(path, reference)
        if manifest is not None and self._settings.placement == "inline":
            self._loadable(path, manifest)
        if manifest is not None and manifest.signature.output.kind == "transform":
            self._problem(
                path, f"{reference} is a transformer; it belongs under `preprocess`, not here"
            )
            return None
        return manifest

    def _fallback(self) -> Placed | None:
        if self._settings.fallback is None:
            return None
        return ("fallback",), self._predictor(("fallback",), self._settings.fallback)

    def _preprocess(self) -> Manifest | None:
        if self._settings.preprocess is None:
            return None
        path = ("preprocess", "model")
        manifest = self._manifest(path, self._settings.preprocess.model)
        if manifest is not None and manifest.signature.output.kind != "transform":
            reference = self._settings.preprocess.model
            self._problem(path, f"{reference} predicts and does not transform; make it a variant")
            return None
        if manifest is not None and self._settings.preprocess.placement == "inline":
            self._loadable(path, manifest)
        return manifest

    def _loadable(self, path: KeyPath, manifest: Manifest) -> None:
        if manifest.needs_consent:
            self._problem(
                path,
                f"{manifest.reference} is a pickle, which gateways do not load; give it replicas "
                "of its own (placement: replicas)",
            )

    def _same_output(self, path: KeyPath, manifest: Manifest, first: Manifest) -> None:
        mine, theirs = manifest.signature.output, first.signature.output
        wider = mine.width != theirs.width and not mine.targets
        if mine.kind != theirs.kind or wider:
            self._problem(
                path,
                f"{manifest.reference} gives {mine.kind}, "
                f"but {first.reference} gives {theirs.kind}",
            )
        elif mine.kind == "tensors" and mine.columns != theirs.columns:
            self._problem(
                path,
                f"{manifest.reference} gives the outputs {[one.name for one in mine.columns]} of "
                f"other names or shapes than {first.reference}",
            )
        elif set(mine.labels) != set(theirs.labels):
            self._problem(
                path,
                f"{manifest.reference} has the classes {list(mine.labels)}, "
                f"but {first.reference} has {list(theirs.labels)}",
            )
        elif _sets(mine) != _sets(theirs):
            self._problem(
                path,
                f"{manifest.reference} gives {targets.told(mine.targets)}, "
                f"but {first.reference} gives {targets.told(theirs.targets)}",
            )

    def _fed(
        self,
        path: KeyPath,
        manifest: Manifest,
        first: Manifest,
        preprocess: Manifest | None,
    ) -> None:
        if preprocess is not None:
            given = {column.name for column in preprocess.signature.output.columns}
            giver = f"preprocessing by {preprocess.reference} gives"
        else:
            given = set(first.signature.names)
            giver = f"{first.reference}, whose columns the endpoint takes, has"
        lacking = [name for name in manifest.signature.names if name not in given]
        if lacking:
            more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
            self._problem(
                path,
                f"{manifest.reference} needs the column {', '.join(map(repr, lacking[:3]))}{more}, "
                f"but {giver} {len(given)} others",
            )

    def _alike(self, manifests: Sequence[Placed], fallback: Placed | None) -> bool:
        """Whether whoever answers gives the same outputs under the same names of a graph."""
        if isinstance(self._settings.route, EnsembleRoute):
            return False
        found = [
            (manifest.signature.output.columns, manifest.signature.output.named)
            for _, manifest in (*manifests, *([fallback] if fallback else []))
            if manifest is not None
        ]
        return all(one == found[0] for one in found)

    def _scored(self, manifests: Sequence[Placed]) -> bool:
        """Whether raw scores can be asked for, alike whichever variant answers."""
        if isinstance(self._settings.route, EnsembleRoute):
            return False
        widths = {0 if m is None else m.signature.output.scores_width for _, m in manifests}
        return len(widths) == 1 and 0 not in widths

    def _combines(self, first: Manifest) -> None:
        route = self._settings.route
        if not isinstance(route, EnsembleRoute):
            return
        try:
            combine.check(route.combine, first.signature.output)
        except ConfigError as error:
            self._problem(("route", "combine"), error.message)

    def _corrected(self, inputs: tuple[Column, ...]) -> tuple[Column, ...]:
        corrections = self._settings.schema_.columns
        known = {column.name for column in inputs}
        for name in corrections:
            if name not in known:
                self._problem(("schema", "columns", name), f"there is no column {name!r}")
        return tuple(_correct(column, corrections.get(column.name)) for column in inputs)


def _variant(manifest: Manifest, weight: float) -> Variant:
    output = manifest.signature.output
    return Variant(manifest.reference, weight, output.labels, output.targets)


def _sets(output: Output) -> dict[str, set[Any]]:
    """The classes of each target; in which order they stand does not matter."""
    return {target.name: set(target.labels) for target in output.targets}


def _quorum(settings: EndpointSettings) -> int:
    route = settings.route
    if not isinstance(route, EnsembleRoute):
        return 1
    members = sum(variant.weight > 0 for variant in route.variants)
    return route.quorum or members // 2 + 1


def _correct(column: Column, correction: ColumnSettings | None) -> Column:
    if correction is None:
        return column
    return replace(column, **correction.model_dump(exclude_none=True))


def _example(manifest: Manifest) -> dict[str, Any] | None:
    if manifest.sample is None:
        return None
    return {name: values[0] for name, values in manifest.sample.inputs.items() if values}

"""One declared endpoint, resolved against the registry into its full description."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from serve_app.config import ColumnSettings, EndpointSettings
from serve_app.core import targets
from serve_app.core.cache import CacheLimits
from serve_app.core.reference import split_version
from serve_app.core.signature import Column, Output, Signature
from serve_app.core.snapshot import Endpoint, Preprocess, RouteSpec, Variant
from serve_app.errors import ServeError
from serve_app.registry.manifest import Manifest
from serve_app.routing import kind_named, route_of

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

    def words(self) -> str:
        """The problem with its place, in words."""
        return f"{'.'.join(str(key) for key in self.path)}: {self.message}"


class EndpointDescription:
    """Describes one endpoint; `problems` collects what does not fit."""

    def __init__(self, name: str, settings: EndpointSettings, manifest_of: ManifestOf) -> None:
        self._name = name
        self._settings = settings
        self._manifest_of = manifest_of
        self.problems: list[Problem] = []

    def describe(self) -> Endpoint | None:
        """The endpoint's description, or none when something does not fit."""
        manifests, preprocess = self._variants(), self._preprocess()
        fallback = self._fallback()
        first = next((m for _, m in manifests if m is not None), None)
        if first is None or (self._settings.preprocess is not None and preprocess is None):
            return None
        answering = [*manifests, *([fallback] if fallback else [])]
        for path, manifest in answering:
            if manifest is not None:
                self._same_output(path, manifest, first)
                self._fed(path, manifest, first, preprocess)
        route = self._route(manifests)
        for key, message in route_of(route).problems(first.signature.output):
            self._problem(("route", key), message)
        columns = self._corrected((preprocess or first).signature.inputs)
        if self.problems:
            return None
        takers = [preprocess] if preprocess else [m for _, m in answering if m is not None]
        by_position = all(taker.signature.by_position for taker in takers)
        output = self._output(manifests, answering, first)
        signature = (
            Signature(columns, output, by_position=by_position)
            if preprocess
            else replace(first.signature, inputs=columns, output=output, by_position=by_position)
        )
        rescue = fallback[1] if fallback else None
        return self._endpoint(route, signature, preprocess or first, rescue)

    def _endpoint(
        self, route: RouteSpec, signature: Signature, taker: Manifest, rescue: Manifest | None
    ) -> Endpoint:
        """The description, `taker` being who sees the rows first."""
        settings = self._settings
        timeout_s, before, cache = settings.timeout_s, settings.preprocess, settings.cache
        return Endpoint(
            name=self._name,
            route=route,
            signature=signature,
            timeout_s=timeout_s,
            variant_timeout_s=settings.variant_timeout_s or timeout_s * VARIANT_SHARE_OF_TIME,
            fallback=None if rescue is None else _variant(rescue, 0.0),
            preprocess=None
            if before is None
            else Preprocess(taker.reference, before.placement == "inline"),
            reactions=settings.schema_.reactions(),
            example=_example(taker),
            inline=settings.placement == "inline",
            cache=None if cache is None else CacheLimits(cache.rows, cache.ttl_s),
        )

    def _route(self, manifests: Sequence[Placed]) -> RouteSpec:
        """The route with those of its variants that are known."""
        settings = self._settings.route
        variants = tuple(
            _variant(manifest, target.variant.weight)
            for (_, manifest), target in zip(manifests, settings.targets(), strict=True)
            if manifest is not None
        )
        return kind_named(settings.kind).describe(settings.kind, settings.own(), variants)

    def _output(
        self, manifests: Sequence[Placed], answering: Sequence[Placed], first: Manifest
    ) -> Output:
        """What comes out, whoever answers: raw scores and names of a graph where all are alike."""
        output = first.signature.output
        if not self._scored(manifests):
            output = first.signature.without_raw_scores().output
        return output if self._alike(answering) else replace(output, columns=(), named=())

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
        found: list[Placed] = []
        for target in self._settings.route.targets():
            path = ("route", *target.path)
            found.append((path, self._predictor(path, target.variant.model)))
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

    @property
    def _answers_together(self) -> bool:
        return kind_named(self._settings.route.kind).answers_together

    def _alike(self, answering: Sequence[Placed]) -> bool:
        """Whether whoever answers gives the same outputs under the same names of a graph."""
        if self._answers_together:
            return False
        outputs = [m.signature.output for _, m in answering if m is not None]
        names = [(output.columns, output.named) for output in outputs]
        return all(one == names[0] for one in names)

    def _scored(self, manifests: Sequence[Placed]) -> bool:
        """Whether raw scores can be asked for, alike whichever variant answers."""
        if self._answers_together:
            return False
        widths = {0 if m is None else m.signature.output.scores_width for _, m in manifests}
        return len(widths) == 1 and 0 not in widths

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


def _correct(column: Column, correction: ColumnSettings | None) -> Column:
    if correction is None:
        return column
    return replace(column, **correction.model_dump(exclude_none=True))


def _example(manifest: Manifest) -> dict[str, Any] | None:
    if manifest.sample is None:
        return None
    return {name: values[0] for name, values in manifest.sample.inputs.items() if values}

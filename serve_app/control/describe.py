"""One declared endpoint, resolved against the registry into its full description."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from serve_app.config import EndpointSettings
from serve_app.control import experiment_settings
from serve_app.control.experiment_settings import Surroundings
from serve_app.control.inputs import corrected, example_of
from serve_app.control.kept_values import kept_problems, records_of
from serve_app.control.shadows import KeyPath, Placed, misplaced, shadows_of, variant_of
from serve_app.control.stacks import META, meta_of
from serve_app.core import targets
from serve_app.core.cache import CacheLimits
from serve_app.core.meta_model import MetaModel
from serve_app.core.preprocess import Preprocess
from serve_app.core.reference import alias_of
from serve_app.core.signature import Column, Output, Signature
from serve_app.core.snapshot import Endpoint, RouteSpec
from serve_app.errors import ConfigError, ServeError
from serve_app.registry.manifest import Manifest
from serve_app.routing import kind_named, route_of
from serve_app.routing.route import Route

ManifestOf = Callable[[str, int], Manifest]
Resolve = Callable[[str], tuple[str, int]]
"""The model and number that a reference names; raises ServeError where it names none."""
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

    def __init__(
        self, name: str, settings: EndpointSettings, manifest_of: ManifestOf, resolve: Resolve
    ) -> None:
        self._name = name
        self._settings = settings
        self._manifest_of = manifest_of
        self._resolve = resolve
        self.problems: list[Problem] = []

    def describe(self) -> Endpoint | None:
        """The endpoint's description, or none when something does not fit."""
        manifests, preprocess = self._variants(), self._preprocess()
        fallback = self._fallback()
        shadows, meta = self._shadows(), self._meta()
        self._each_once(manifests)
        for path, message in misplaced(manifests, shadows, rests=self._kind.rests):
            self._problem(path, message)
        first = next((m for _, m in manifests if m is not None), None)
        if first is None or (self._settings.preprocess is not None and preprocess is None):
            return None
        answering = [*manifests, *([fallback] if fallback else [])]
        for path, manifest in (*answering, *shadows):
            if manifest is not None:
                self._same_output(path, manifest, first)
                self._fed(path, manifest, first, preprocess)
        if meta is not None:
            self._same_output(META, meta, first)
        route = self._route(manifests)
        columns = self._corrected((preprocess or first).signature.inputs)
        taken = replace(first.signature, inputs=columns)
        for path, message in route_of(route).misfits(taken):
            self._problem(("route", *path), message)
        shown = preprocess.signature.output.columns if preprocess else columns
        stacked = self._stacked(meta, manifests, shown)
        self._remembered()
        learns_from = route_of(route).learns_from
        for path, message in kept_problems(self._settings, columns, learns_from):
            self._problem(path, message)
        if all(manifest is not None for _, manifest in manifests):
            # One that is not there would be missed by its experiment once more.
            self._experiment(route_of(route).over(columns), taken)
        if self.problems:
            return None
        takers = [preprocess] if preprocess else [m for _, m in answering if m is not None]
        by_position = all(taker.signature.by_position for taker in takers)
        output = self._output(manifests, answering, meta or first)
        signature = (
            Signature(columns, output, by_position=by_position)
            if preprocess
            else replace(first.signature, inputs=columns, output=output, by_position=by_position)
        )
        rescue = fallback[1] if fallback else None
        made = self._endpoint(route, signature, preprocess or first, rescue)
        return replace(made, shadows=shadows_of(self._settings.shadows, shadows), meta=stacked)

    def _endpoint(
        self, route: RouteSpec, signature: Signature, taker: Manifest, rescue: Manifest | None
    ) -> Endpoint:
        """The description, `taker` being who sees the rows first."""
        settings = self._settings
        timeout_s, before, cache = settings.timeout_s, settings.preprocess, settings.cache
        last, experiment = settings.fallback, settings.experiment
        records = records_of(settings, [column.name for column in signature.inputs])
        if experiment is not None:
            records = experiment_settings.with_subjects(records, route_of(route))
        return Endpoint(
            name=self._name,
            route=route,
            signature=signature,
            timeout_s=timeout_s,
            variant_timeout_s=settings.variant_timeout_s or timeout_s * VARIANT_SHARE_OF_TIME,
            fallback=None if rescue is None or last is None else variant_of(rescue, 0.0, last),
            preprocess=None
            if before is None
            else Preprocess(taker.reference, before.placement == "inline", alias_of(before.model)),
            reactions=settings.schema_.reactions(),
            example=example_of(taker),
            inline=settings.placement == "inline",
            cache=None if cache is None else CacheLimits(cache.rows, cache.ttl_s),
            records=records,
            experiment=None
            if experiment is None
            else experiment_settings.plan_of(experiment, route),
        )

    def _route(self, manifests: Sequence[Placed]) -> RouteSpec:
        """The route with those of its variants that are known."""
        settings = self._settings.route
        variants = tuple(
            variant_of(manifest, target.variant.weight, target.variant.model)
            for (_, manifest), target in zip(manifests, settings.targets(), strict=True)
            if manifest is not None
        )
        return self._kind.describe(settings.kind, settings.own(), variants)

    def _output(
        self, manifests: Sequence[Placed], answering: Sequence[Placed], first: Manifest
    ) -> Output:
        """What comes out, whoever answers: raw scores and names of a graph where all are alike."""
        output = first.signature.output
        if not self._scored(manifests):
            output = first.signature.without_raw_scores().output
        return output if self._alike(answering) else replace(output, columns=(), named=())

    def _experiment(self, route: Route, signature: Signature) -> None:
        settings = self._settings
        if settings.experiment is not None:
            beside = Surroundings(route, signature, settings.monitoring)
            for path, message in experiment_settings.problems(settings.experiment, beside):
                self._problem(path, message)

    def _problem(self, path: KeyPath, message: str) -> None:
        self.problems.append(Problem(("endpoints", self._name, *path), message))

    def _manifest(self, path: KeyPath, reference: str) -> Manifest | None:
        try:
            return self._manifest_of(*self._resolve(reference))
        except ServeError as error:
            self._problem(path, error.message)
            return None

    def _variants(self) -> list[Placed]:
        placed: list[Placed] = []
        for target in self._settings.route.targets():
            path = ("route", *target.path)
            placed.append((path, self._predictor(path, target.variant.model)))
        return placed

    def _each_once(self, manifests: Sequence[Placed]) -> None:
        """No version stands twice among the variants, under whatever reference."""
        named: dict[str, str] = {}
        for (path, manifest), target in zip(manifests, self._settings.route.targets(), strict=True):
            if manifest is None:
                continue
            reference = target.variant.model
            former = named.setdefault(manifest.reference, reference)
            if former != reference and not self._rests(former, reference):
                self._problem(
                    path,
                    f"{reference} and {former} are both {manifest.reference}, which would stand "
                    "twice among the variants; move the alias or take one of them out",
                )

    def _rests(self, *references: str) -> bool:
        return self._kind.rests and all(alias_of(one) is not None for one in references)

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

    def _shadows(self) -> list[Placed]:
        placed: list[Placed] = []
        for index, shadow in enumerate(self._settings.shadows):
            path = ("shadows", index, "model")
            placed.append((path, self._predictor(path, shadow.model)))
        return placed

    def _meta(self) -> Manifest | None:
        """The meta-model of a stack."""
        meta = self._settings.route.meta_model()
        if meta is None:
            return None
        manifest = self._manifest(META, meta.model)
        if manifest is not None and meta.is_inline(self._settings.placement):
            self._loadable(META, manifest)
        return manifest

    def _stacked(
        self, meta: Manifest | None, manifests: Sequence[Placed], shown: Sequence[Column]
    ) -> MetaModel | None:
        """The meta-model with where each of its columns comes from, where all of it is known."""
        settings = self._settings.route.meta_model()
        members = [manifest for _, manifest in manifests if manifest is not None]
        if meta is None or settings is None or len(members) < len(manifests):
            return None
        try:
            return meta_of(meta, members, shown, self._settings)
        except ConfigError as error:
            self._problem(META, f"{meta.reference}: {error.message}")
            return None

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
                f"{manifest.reference} gives {targets.in_words(mine.targets)}, "
                f"but {first.reference} gives {targets.in_words(theirs.targets)}",
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
    def _kind(self) -> type[Route]:
        return kind_named(self._settings.route.kind)

    def _alike(self, answering: Sequence[Placed]) -> bool:
        """Whether whoever answers gives the same outputs under the same names of a graph."""
        if self._kind.answers_together:
            return False
        outputs = [m.signature.output for _, m in answering if m is not None]
        names = [(output.columns, output.named) for output in outputs]
        return all(one == names[0] for one in names)

    def _scored(self, manifests: Sequence[Placed]) -> bool:
        """Whether raw scores can be asked for, alike whichever variant answers."""
        if self._kind.answers_together:
            return False
        widths = {0 if m is None else m.signature.output.scores_width for _, m in manifests}
        return len(widths) == 1 and 0 not in widths

    def _corrected(self, inputs: tuple[Column, ...]) -> tuple[Column, ...]:
        columns, unknown = corrected(inputs, self._settings.schema_.columns)
        for name in unknown:
            self._problem(("schema", "columns", name), f"there is no column {name!r}")
        return columns

    def _remembered(self) -> None:
        """A cache keeps rows by who answers all of them."""
        if self._settings.cache is not None and self._kind.answers_by_row:
            self._problem(
                ("cache",),
                f"rows of a {self._settings.route.kind} are answered by one version or another, "
                "which a cache does not tell apart; take `cache` out",
            )


def _sets(output: Output) -> dict[str, set[Any]]:
    """The classes of each target; in which order they stand does not matter."""
    return {target.name: set(target.labels) for target in output.targets}

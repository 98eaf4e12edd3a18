"""Who answers for an endpoint: kinds of routes and their variants."""

import functools
from typing import Annotated, Any, Literal, NamedTuple, Union

from pydantic import (
    Field,
    NonNegativeFloat,
    PlainValidator,
    PositiveInt,
    SerializeAsAny,
    TypeAdapter,
    model_validator,
)

from serve_app.config.assignment import AssignmentSettings, LayeredSettings, needs_key
from serve_app.config.base import Frozen
from serve_app.config.names import Reference
from serve_app.config.stacking import MetaSettings, Placement
from serve_app.core.places import standing_at
from serve_app.routing import KINDS, kind_named


class VariantSettings(Frozen):
    """A version as a target of an endpoint."""

    model: Reference
    weight: Annotated[NonNegativeFloat, Field(allow_inf_nan=False)] = 1.0


class Target(NamedTuple):
    """A variant, and the keys below the route that lead to the version it names."""

    path: tuple[str | int, ...]
    variant: VariantSettings


class RouteSettings(Frozen):
    """Base of the settings of every kind of route; `kind` is the literal name of one."""

    kind: str

    @model_validator(mode="before")
    @classmethod
    def _layers_hold_experiments(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("layer") and "layer" not in cls.model_fields:
            msg = (
                f"a route of kind {given.get('kind')} assigns nobody by chance, so it holds no "
                "experiment that a layer could keep apart; take layer out, or declare a split, a "
                "canary, a bandit or rules"
            )
            raise ValueError(msg)
        return given

    def targets(self) -> tuple[Target, ...]:
        """The variants."""
        raise NotImplementedError

    def meta_model(self) -> MetaSettings | None:
        """Who answers by what the variants give, where they are stacked."""
        return None

    def own(self) -> dict[str, Any]:
        """What the kind alone knows, as JSON values."""
        return self.model_dump(mode="json", by_alias=True, exclude={"kind", "variants"})


class SingleRoute(RouteSettings):
    """One version answers everything."""

    kind: Literal["single"]
    model: Reference

    def targets(self) -> tuple[Target, ...]:
        """The only variant."""
        return (Target(("model",), VariantSettings(model=self.model)),)

    def own(self) -> dict[str, Any]:
        """Nothing."""
        return {}


class WeightedRoute(RouteSettings):
    """Several variants with weights."""

    variants: Annotated[tuple[VariantSettings, ...], Field(min_length=1)]

    def targets(self) -> tuple[Target, ...]:
        """The variants, in their order."""
        return tuple(
            Target(("variants", index, "model"), variant)
            for index, variant in enumerate(self.variants)
        )

    @model_validator(mode="after")
    def _weights_fit(self) -> "WeightedRoute":
        names = [variant.model for variant in self.variants]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"{twice[0]} stands twice among the variants; give it one weight"
            raise ValueError(msg)
        if not any(variant.weight > 0 for variant in self.variants):
            msg = "all weights are 0, so nobody would answer; give one variant a weight above 0"
            raise ValueError(msg)
        return self


class SplitRoute(LayeredSettings, WeightedRoute):
    """Each request goes to one variant, in proportion to the weights (A/B)."""

    kind: Literal["split"]
    assignment: AssignmentSettings | None = None
    baseline: Reference | None = None

    @model_validator(mode="after")
    def _subjects_are_known(self) -> "SplitRoute":
        if self.key is not None:
            return self
        if self.assignment is not None:
            raise ValueError(needs_key("assignment"))
        if self.baseline is not None:
            msg = "baseline says what those get who are in no experiment; add assignment or layer"
            raise ValueError(msg)
        return self


class EnsembleRoute(WeightedRoute):
    """Every variant answers, and the answers become one."""

    kind: Literal["ensemble"]
    combine: Literal["mean", "weighted", "vote", "stack"] = "mean"
    quorum: PositiveInt | None = None
    meta: Reference | None = None
    meta_placement: Placement | None = None
    with_columns: tuple[str, ...] | None = None

    def meta_model(self) -> MetaSettings | None:
        """The meta-model of a stack."""
        if self.meta is None:
            return None
        return MetaSettings(model=self.meta, placement=self.meta_placement)

    @model_validator(mode="after")
    def _quorum_fits(self) -> "EnsembleRoute":
        members = sum(variant.weight > 0 for variant in self.variants)
        if self.quorum is not None and self.quorum > members:
            msg = f"quorum is {self.quorum} but only {members} variants have a weight above 0"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _stack_fits(self) -> "EnsembleRoute":
        if self.combine != "stack":
            of_stacks = ("meta", "meta_placement", "with_columns")
            given = next((one for one in of_stacks if getattr(self, one) is not None), None)
            if given is not None:
                msg = f"{given} belongs to combine: stack, and this is combine: {self.combine}"
                raise ValueError(msg)
            return self
        if self.meta is None:
            msg = (
                "combine: stack needs meta: the version that answers by what the members give, "
                "such as meta: stacker@1; serve-app ensemble stack trains one"
            )
            raise ValueError(msg)
        if len(self.variants) < 2:
            raise ValueError("a stack needs two variants or more; one answers by kind: single")
        if any(variant.weight != 1 for variant in self.variants):
            msg = "the meta-model weighs the members of a stack; take their weights out"
            raise ValueError(msg)
        if self.quorum is not None:
            msg = "a stack needs all of its members; take quorum out (fallback answers without)"
            raise ValueError(msg)
        names = self.with_columns or ()
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{twice[0]!r} stands twice in with_columns; name it once")
        return self


def settings_models() -> tuple[type[RouteSettings], ...]:
    """The models of the settings of all kinds of routes, each where its kind says."""
    return tuple(_model(name) for name in sorted(KINDS))


def _model(kind: str) -> type[RouteSettings]:
    model: type[RouteSettings] = standing_at(kind_named(kind).settings)
    return model


@functools.lru_cache
def _reader(models: tuple[type[RouteSettings], ...]) -> TypeAdapter[RouteSettings]:
    union: Any = Annotated[Union[models], Field(discriminator=TAG)]  # noqa: UP007
    return TypeAdapter(union)


def _read(value: Any) -> RouteSettings:
    """The settings of whichever kind a mapping names."""
    if isinstance(value, RouteSettings):
        return value
    return _reader(settings_models()).validate_python(value)


TAG = "kind"
"""The key that names the kind of a route."""
Route = Annotated[SerializeAsAny[RouteSettings], PlainValidator(_read)]

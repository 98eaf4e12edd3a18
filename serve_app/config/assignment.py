"""How subjects of an experiment are assigned, and the layers whose experiments exclude others."""

from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, model_validator

from serve_app.config.base import Frozen

HashName = Literal[
    "blake2b",
    "growthbook-v2",
    "growthbook-v1",
    "optimizely",
    "statsig",
    "statsig-experiment",
    "eppo",
    "eppo-v1",
]
LayerName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class AssignmentSettings(Frozen):
    """Which subjects are in an experiment, and which arm they get.

    `hash` gives each subject a bucket under `seed` (the endpoint's name where none is given), or
    ranks the arms (`blake2b`). `coverage` is the share of subjects that is in the experiment;
    hashes with a draw of its own for that take it under `coverage_seed`. Another `salt_version`
    assigns everybody anew.
    """

    hash: HashName = "blake2b"
    seed: Annotated[str, Field(min_length=1)] | None = None
    coverage: Share = 1.0
    coverage_seed: Annotated[str, Field(min_length=1)] | None = None
    salt_version: NonNegativeInt = 0


class LayerSettings(Frozen):
    """A layer: a subject is in at most one of its experiments.

    Subjects get a place in [0, 1) by `hash` under `seed` (the layer's name where none is given);
    `holdout` is the share of them that is in none of its experiments.
    """

    seed: Annotated[str, Field(min_length=1)] | None = None
    hash: HashName = "blake2b"
    holdout: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = 0.0


class LayerPartSettings(Frozen):
    """The part [`from`, `to`) of a layer that is an experiment's."""

    name: LayerName
    from_: Annotated[Share, Field(alias="from")] = 0.0
    to: Share = 1.0

    @model_validator(mode="after")
    def _is_some(self) -> "LayerPartSettings":
        if self.from_ >= self.to:
            msg = f"the part of the layer from {self.from_} to {self.to} holds nobody"
            raise ValueError(msg)
        return self

    def resolved(self, layer: LayerSettings) -> dict[str, Any]:
        """The part together with what the layer says, as JSON values."""
        seed = layer.seed or self.name
        return {
            **self.model_dump(mode="json", by_alias=True),
            **layer.model_dump(mode="json"),
            "seed": seed,
        }


class LayeredSettings(Frozen):
    """Base of routes that may be in a layer, whose subjects are known by their key."""

    key: str | None = None
    layer: LayerPartSettings | None = None

    @model_validator(mode="after")
    def _layer_has_subjects(self) -> "LayeredSettings":
        if self.layer is not None and self.key is None:
            # Of an experiment that has both, the assignment stands first.
            both = getattr(self, "assignment", None) is not None
            raise ValueError(needs_key("assignment" if both else "layer"))
        return self


def needs_key(given: str) -> str:
    """Why what was given is not enough to know subjects by."""
    return (
        f"{given} needs a key to know subjects by; name the field or header that holds it, such "
        "as key: user_id or key: header:x-user-id"
    )

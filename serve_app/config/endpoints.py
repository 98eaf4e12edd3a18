"""What clients call by name, and what each endpoint may say."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from serve_app.config.base import Frozen
from serve_app.config.experiment import ExperimentSettings
from serve_app.config.monitoring import MonitoringSettings
from serve_app.config.names import Reference
from serve_app.config.privacy import PrivacySettings
from serve_app.config.routes import Route, VariantSettings
from serve_app.config.shadows import ShadowSettings

Reaction = Literal["refuse", "warn", "ignore"]


class PreprocessSettings(Frozen):
    """A registered transformer that runs once per request, before all variants."""

    model: Reference
    placement: Literal["inline", "replicas"] = "inline"


class ColumnSettings(Frozen):
    """What an endpoint says otherwise of a column than its training data did.

    `log` says whether its values may be recorded.
    """

    nullable: bool | None = None
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str | int | float | bool, ...] | None = None
    log: bool | None = None


class SchemaSettings(Frozen):
    """What happens when rows break the schema, and corrections to the schema."""

    missing: Reaction = "refuse"
    unknown: Reaction = "refuse"
    type: Reaction = "refuse"
    nan: Reaction | Literal["follow"] = "follow"
    range: Reaction = "warn"
    category: Reaction = "warn"
    columns: dict[str, ColumnSettings] = Field(default={})

    def reactions(self) -> dict[str, str]:
        """The reactions alone, by rule."""
        return self.model_dump(exclude={"columns"})


class CacheSettings(Frozen):
    """How many rows each gateway replica remembers the answers to, and for how long."""

    rows: PositiveInt = 10_000
    ttl_s: PositiveFloat = 60.0


class EndpointSettings(Frozen):
    """What a client calls by name.

    `placement: inline` lets its versions compute in the gateway, which then needs no
    application for any of them. `shadows` are versions that are shown requests once these are
    answered, where the variants compute as well. `experiment` compares the variants. With
    `managed`, management calls of other systems may replace and remove it.
    """

    route: Route
    placement: Literal["inline", "replicas"] = "replicas"
    preprocess: PreprocessSettings | None = None
    fallback: Reference | None = None
    shadows: tuple[ShadowSettings, ...] = ()
    schema_: Annotated[SchemaSettings, Field(alias="schema")] = SchemaSettings()
    cache: CacheSettings | None = None
    monitoring: MonitoringSettings = MonitoringSettings()
    privacy: PrivacySettings = PrivacySettings()
    experiment: ExperimentSettings | None = None
    timeout_s: PositiveFloat = 10.0
    variant_timeout_s: PositiveFloat | None = None
    managed: bool = False

    @model_validator(mode="after")
    def _times_fit(self) -> "EndpointSettings":
        if self.variant_timeout_s is not None and self.variant_timeout_s > self.timeout_s:
            msg = f"variant_timeout_s {self.variant_timeout_s} is above timeout_s {self.timeout_s}"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _shadows_fit(self) -> "EndpointSettings":
        names = [shadow.model for shadow in self.shadows]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{name} stands twice among the shadows; take one of them out")
        return self

    @property
    def variants(self) -> tuple[VariantSettings, ...]:
        """The variants with their weights, whatever the kind of route."""
        return tuple(target.variant for target in self.route.targets())


EndpointName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]

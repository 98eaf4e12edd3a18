"""What a route of stages says: who is asked first, and how sure each must be."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from serve_app.config.base import Frozen
from serve_app.config.names import Reference
from serve_app.config.routes import RouteSettings, Target, VariantSettings

Sureness = Annotated[float, Field(gt=0, le=1)]
ByClass = Annotated[dict[str | bool | int | float, Sureness], Field(min_length=1)]


class StageSettings(Frozen):
    """One stage: the version, and from which probability of its class on its answer stands."""

    model: Reference
    sure: Sureness | ByClass | None = None


class CascadeRoute(RouteSettings):
    """Each row is answered by the first stage that is sure of it, or else by the last."""

    kind: Literal["cascade"]
    stages: Annotated[tuple[StageSettings, ...], Field(min_length=2, max_length=10)]

    def targets(self) -> tuple[Target, ...]:
        """The versions of the stages, in their order."""
        return tuple(
            Target(("stages", index, "model"), VariantSettings(model=stage.model))
            for index, stage in enumerate(self.stages)
        )

    @model_validator(mode="after")
    def _stages_fit(self) -> "CascadeRoute":
        names = [stage.model for stage in self.stages]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"{twice[0]} stands twice among the stages; ask it once"
            raise ValueError(msg)
        for stage in self.stages[:-1]:
            if stage.sure is None:
                msg = (
                    f"{stage.model} is not the last stage, so it needs `sure`: from which "
                    "probability on its answer stands, such as 0.9"
                )
                raise ValueError(msg)
        if self.stages[-1].sure is not None:
            msg = f"{names[-1]} is the last stage and answers whatever is left; take `sure` out"
            raise ValueError(msg)
        return self

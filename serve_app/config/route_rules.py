"""What a route of rules says: conditions, and who answers where they hold."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from serve_app.config.assignment import LayeredSettings
from serve_app.config.base import Frozen
from serve_app.config.names import Reference
from serve_app.config.routes import RouteSettings, Target, VariantSettings


def _text(value: Any) -> Any:
    """YAML makes a truth value of `true` where a condition was meant."""
    return str(value).lower() if isinstance(value, bool) else value


class RuleSettings(Frozen):
    """One rule: when it holds, this version answers. Its name is recorded with predictions."""

    when: Annotated[str, BeforeValidator(_text)]
    model: Reference
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_. -]{0,62}$")] | None = None


class RulesRoute(LayeredSettings, RouteSettings):
    """The first rule that holds says who answers, `otherwise` where none does."""

    kind: Literal["rules"]
    rules: Annotated[tuple[RuleSettings, ...], Field(min_length=1, max_length=100)]
    otherwise: Reference

    def targets(self) -> tuple[Target, ...]:
        """The versions, each where it is named first."""
        named: dict[str, Target] = {}
        for index, rule in enumerate(self.rules):
            path = ("rules", index, "model")
            named.setdefault(rule.model, Target(path, VariantSettings(model=rule.model)))
        last = Target(("otherwise",), VariantSettings(model=self.otherwise))
        named.setdefault(self.otherwise, last)
        return tuple(named.values())

    @model_validator(mode="after")
    def _named_once(self) -> "RulesRoute":
        names = [rule.name for rule in self.rules if rule.name is not None]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"two rules are named {twice[0]!r}; give each a name of its own"
            raise ValueError(msg)
        return self

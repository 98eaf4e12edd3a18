"""A version that is being registered, as it stands after each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from serve_app.core.ports import Model
from serve_app.core.signature import Signature
from serve_app.engine.registration.candidate import Candidate
from serve_app.engine.registration.coarser import Coarser
from serve_app.models.compilation import Compilation
from serve_app.models.flavour import Flavour, Stored
from serve_app.monitoring.profile.profile import FeatureProfile
from serve_app.registry.manifest import Compiled

Compile = Literal["auto", "never", "required"]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What people ask of a registration beside the model.

    `trust` names types that are not known to be harmless, `allow_pickle` lets be stored what
    only pickle can store; with `coarser` the compiled form alone is stored, quantised.
    """

    trust: Sequence[str] = ()
    allow_pickle: bool = False
    compile: Compile = "auto"
    coarser: Coarser | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """A model as it was stored, and loaded again: `files` by their names in the version."""

    stored: Stored
    model: Model
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Build:
    """What is known of a version so far.

    `signature` is what the model takes and gives; `form` there is once it is stored,
    `compilation` once compiling was tried, and `compiled` what the manifest says of that;
    `profile` is made last, where there are rows to make it of.
    """

    candidate: Candidate
    wishes: Wishes
    flavour_name: str
    flavour: Flavour
    signature: Signature
    warnings: tuple[str, ...] = ()
    stored_form: Form | None = None
    compilation: Compilation | None = None
    compiled: Compiled | None = field(default=None)
    profile: FeatureProfile | None = None

    @property
    def form(self) -> Form:
        """The stored form. Only steps after storing ask for it."""
        if self.stored_form is None:
            raise RuntimeError("the model is not stored yet")
        return self.stored_form

    def but(self, **changes: Any) -> Build:
        """The same with some fields changed."""
        return replace(self, **changes)

    def warned(self, *warnings: str) -> Build:
        """The same with more warnings."""
        return replace(self, warnings=(*self.warnings, *warnings))

"""The row that a meta-model takes: what members of an ensemble said, and columns of the rows.

A column of a meta-model is `diagnosis-xgb@1:malignant` (the probability of a class),
`diagnosis-svm@1/score` (a raw score) or `progression-xgb@1` (what is predicted). A meta-model that
knows no names takes them by position, as scikit-learn's `StackingClassifier` and
`StackingRegressor` order what they stack (Pedregosa and others, JMLR 2011).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from serve_app.core.labels import in_json
from serve_app.core.meta_model import Part, Source
from serve_app.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from serve_app.core.signature import Column, Output, Signature

_SHOWN = 4
_FLOATS = frozenset({"float32", "float64"})


class Member(NamedTuple):
    """One member: its version, and what that gives, with classes in its own order."""

    version: str
    output: Output


class MetaFeature(NamedTuple):
    """One number or class that a member says of a row; `place` says which of several."""

    name: str
    version: str
    part: Part
    place: int | None = None


def meta_features(member: Member) -> list[MetaFeature]:
    """What a member says of a row, as scikit-learn stacks it.

    Of two classes the probability of the second, of more that of each; without probabilities the
    raw scores; without these the class. Of regressors the number, or each of several.
    """
    version, output = member
    if output.kind == "regression":
        return _numbered(version, output.width)
    if output.probabilities:
        every = _probabilities(member)
        return every[1:] if len(every) == 2 else every
    if output.raw_scores:
        return _scores(member)
    return [MetaFeature(version, version, "value")]


def sources_of(
    meta: Signature,
    members: Sequence[Member],
    shown: Mapping[str, Column],
    with_columns: Sequence[str] = (),
) -> tuple[Source, ...]:
    """Where each column of a meta-model comes from.

    `shown` are the columns that the members are shown, `with_columns` those of them that the
    meta-model takes as well. Columns are matched by their names; where the meta-model knows none,
    the members' come first, in the order of the members, and then `with_columns`.

    Raises:
        ConfigError: a column is of no member and none of `with_columns`, one of these is not
            shown or not taken, a value is no value of its column, or members give neither
            classes nor numbers.
    """
    for version, output in members:
        if output.kind not in {"classification", "regression"}:
            raise ConfigError(
                f"{version} gives {output.kind}; what is stacked is one class of each row, or "
                "numbers"
            )
    for name in with_columns:
        if name not in shown:
            raise ConfigError(
                f"with_columns names {name!r}, which members are not shown; they are shown "
                f"{_listed(shown)}"
            )
    by_name = _by_name(meta, members, shown, with_columns)
    sources = by_name or _by_position(meta, members, with_columns)
    outputs = {member.version: member.output for member in members}
    for source, column in zip(sources, meta.inputs, strict=True):
        _check(source, column, outputs, shown)
    return sources


def _by_name(
    meta: Signature,
    members: Sequence[Member],
    shown: Mapping[str, Column],
    with_columns: Sequence[str],
) -> tuple[Source, ...] | None:
    """The sources by name; none where the meta-model's names say nothing and its order does.

    Raises:
        ConfigError: some or all names are of nobody, or one of `with_columns` is not taken.
    """
    offered = {one.name: one for member in members for one in _all_of(member)}
    known = [one.name for one in meta.inputs if one.name in offered or one.name in with_columns]
    if meta.by_position and len(known) < len(meta.inputs):
        return None
    for column in meta.inputs:
        if column.name in known:
            continue
        hint = f"; its members say {_listed(_expected(members))}"
        if column.name in shown:
            hint = f"; members are shown a column of that name: add with_columns: [{column.name}]"
        raise ConfigError(f"it takes the column {column.name!r}, which no member gives{hint}")
    for name in with_columns:
        if name not in known:
            raise ConfigError(f"with_columns names {name!r}, which it does not take; take it out")
    return tuple(
        Source(one.name, one.dtype, "column", one.name)
        if one.name in with_columns
        else _source(offered[one.name], one)
        for one in meta.inputs
    )


def _by_position(
    meta: Signature, members: Sequence[Member], with_columns: Sequence[str]
) -> tuple[Source, ...]:
    """The sources by their order, as scikit-learn stacks them, or with all probabilities.

    Raises:
        ConfigError: the meta-model takes another number of columns.
    """
    stacked = _meta_features(members)
    whole = [one for member in members for one in _in_full(member)]
    taken = len(meta.inputs) - len(with_columns)
    order = next((one for one in (stacked, whole) if len(one) == taken), None)
    if order is None:
        more = f" and {len(with_columns)} of with_columns" if with_columns else ""
        counts = " or ".join(str(count) for count in sorted({len(stacked), len(whole)}))
        raise ConfigError(
            f"it takes {len(meta.inputs)} columns by their position, but its members say {counts} "
            f"values of a row{more}: {_listed(one.name for one in stacked)}"
        )
    inputs = list(meta.inputs)
    given = [_source(feature, column) for feature, column in zip(order, inputs, strict=False)]
    rest = zip(with_columns, inputs[len(order) :], strict=True)
    return (
        *given,
        *(Source(column.name, column.dtype, "column", name) for name, column in rest),
    )


def _source(feature: MetaFeature, column: Column) -> Source:
    return Source(
        column.name, column.dtype, feature.part, feature.name, feature.version, feature.place
    )


def _check(
    source: Source, column: Column, outputs: Mapping[str, Output], shown: Mapping[str, Column]
) -> None:
    """Refuse a column that takes values of another type than it is given."""
    if source.version is None:
        given = shown[source.feature]
        fits = given.is_numeric == column.is_numeric and given.is_datetime == column.is_datetime
        kind = given.dtype
    else:
        labels = outputs[source.version].labels if source.part == "value" else ()
        is_text = bool(labels) and all(isinstance(label, str) for label in labels)
        kind = "text" if is_text else f"the {source.part} of {source.version}, a number"
        exact = column.dtype in _FLOATS or (bool(labels) and column.is_numeric)
        fits = column.dtype == "string" if is_text else exact
    if not fits or column.shape:
        raise ConfigError(f"its column {column.name!r} takes {column.dtype}, but is given {kind}")


def _all_of(member: Member) -> list[MetaFeature]:
    """Everything that a meta-model may take of a member by name."""
    version, output = member
    if output.kind == "regression":
        return _numbered(version, output.width)
    other = [
        MetaFeature(f"{version}:{in_json(label)}", version, "probability", place)
        for place, label in enumerate(output.labels if output.probabilities else ())
    ]
    own = _probabilities(member) if output.probabilities else []
    return [*other, *own, *_scores(member), MetaFeature(version, version, "value")]


def _in_full(member: Member) -> list[MetaFeature]:
    """What a member says with the probabilities of all classes, also of two."""
    return _probabilities(member) if member.output.probabilities else meta_features(member)


def _probabilities(member: Member) -> list[MetaFeature]:
    version, output = member
    return [
        MetaFeature(f"{version}:{label}", version, "probability", place)
        for place, label in enumerate(output.labels)
    ]


def _scores(member: Member) -> list[MetaFeature]:
    version, output = member
    if output.scores_width <= 1:
        return [MetaFeature(f"{version}/score", version, "score")] if output.raw_scores else []
    names = output.labels if len(output.labels) == output.scores_width else ()
    return [
        MetaFeature(f"{version}/score:{names[place] if names else place}", version, "score", place)
        for place in range(output.scores_width)
    ]


def _numbered(version: str, width: int) -> list[MetaFeature]:
    if width == 1:
        return [MetaFeature(version, version, "value")]
    return [MetaFeature(f"{version}:{place}", version, "value", place) for place in range(width)]


def _meta_features(members: Sequence[Member]) -> list[MetaFeature]:
    return [one for member in members for one in meta_features(member)]


def _expected(members: Sequence[Member]) -> list[str]:
    return [one.name for one in _meta_features(members)]


def _listed(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(map(repr, listed[:_SHOWN])) + more

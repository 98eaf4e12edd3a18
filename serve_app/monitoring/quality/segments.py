"""Which parts of the traffic have metrics of their own: a short list, so that series stay few."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from serve_app.errors import ConfigError
from serve_app.monitoring.quality.labels import label_text

MAX_COLUMNS = 5
MAX_VALUES = 10
OTHER = "other"
"""What all values of a column are together that have no metrics of their own."""
LONGEST = 100
"""Characters of a value that are told apart."""


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """The rows whose column holds a value, compared as text."""

    column: str
    value: str


@dataclass(frozen=True, slots=True)
class SegmentRule:
    """The columns and the values of each that have metrics of their own.

    Of a column without values those that come most often have, as many as are allowed.
    """

    allowed: Mapping[str, tuple[str, ...]]

    @classmethod
    def checked(cls, columns: Mapping[str, Sequence[object]]) -> SegmentRule:
        """A rule that names values, as somebody wrote it.

        Raises:
            ConfigError: more than five columns, more than ten values of one, none, or one twice.
        """
        _check_columns(list(columns))
        named = {name: tuple(map(segment_text, values)) for name, values in columns.items()}
        for column, values in named.items():
            _check_values(column, values)
        return cls(named)

    @classmethod
    def of_columns(cls, columns: Sequence[str]) -> SegmentRule:
        """A rule of columns whose values show in the rows.

        Raises:
            ConfigError: more than five columns, or one twice.
        """
        _check_columns(columns)
        return cls(dict.fromkeys(columns, ()))

    def of(self, row: Mapping[str, str]) -> tuple[Segment, ...]:
        """The segments that a row belongs to, at most one per column.

        A value that is not on the list of its column is `other`; where it is missing, the row
        belongs to none.
        """
        return tuple(
            Segment(column, row[column] if not values or row[column] in values else OTHER)
            for column, values in self.allowed.items()
            if column in row
        )

    def to_json(self) -> dict[str, list[str]]:
        """Its columns and values as JSON."""
        return {column: list(values) for column, values in self.allowed.items()}


def segment_rule(segments: Sequence[str] | Mapping[str, Sequence[object]]) -> SegmentRule:
    """The rule of an endpoint's settings: names of columns, or the values of each.

    Raises:
        ConfigError: there are more than is allowed, or one is named twice.
    """
    if isinstance(segments, Mapping):
        return SegmentRule.checked(segments)
    return SegmentRule.of_columns(segments)


def segment_text(value: object) -> str:
    """A value as it is told apart: 1, 1.0 and "1" are the same."""
    return label_text(value)[:LONGEST]


def _check_columns(columns: Sequence[str]) -> None:
    if len(columns) > MAX_COLUMNS:
        msg = (
            f"segments: {len(columns)} columns ({', '.join(columns)}), and at most "
            f"{MAX_COLUMNS} are allowed: every value has series of its own; name fewer"
        )
        raise ConfigError(msg)
    for column in columns:
        if list(columns).count(column) > 1:
            raise ConfigError(f"segments: column {column!r} is named twice")


def _check_values(column: str, values: Sequence[str]) -> None:
    if not values:
        msg = (
            f"segments: column {column!r} names no values; name those to watch, or write a list of "
            "columns to watch those that come most often"
        )
        raise ConfigError(msg)
    if len(values) > MAX_VALUES:
        msg = (
            f"segments: column {column!r} names {len(values)} values, and at most {MAX_VALUES} "
            "are allowed: every value has series of its own; name fewer"
        )
        raise ConfigError(msg)
    if len(set(values)) < len(values):
        repeated = next(value for value in values if values.count(value) > 1)
        raise ConfigError(f"segments: column {column!r} names {repeated!r} twice")

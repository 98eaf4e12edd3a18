"""Everything that is kept of one subject: shown to them, or erased for good."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serve_app.errors import NotFound
from serve_app.security.audit_reading import all_events
from serve_app.storage.feedback_erasure import FeedbackErasure, SubjectFeedback
from serve_app.storage.privacy.sealing import SealedRows
from serve_app.storage.privacy.subject_keys import SubjectKeys
from serve_app.storage.records.files import Files
from serve_app.storage.records.reader import Query, query

_CONTEXT = frozenset({"features_kept", "value", "probabilities", "segments", "shadows"})


@dataclass(frozen=True, slots=True)
class Whom:
    """A subject as people name it, of a tenant, and the pseudonym that stands for it."""

    subject: str
    tenant: str
    pseudonym: str


@dataclass(frozen=True, slots=True)
class RecordCounts:
    """Rows of the log about a subject: how many, of which so many still have values."""

    rows: int
    readable: int
    endpoints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Erased:
    """What became of a subject's data.

    `records` counts rows of the log before their values went, `feedback` what was removed, `audit`
    the lines that name the subject and stay, since each vouches for those before it. `had_key` is
    false where nothing could be read before.
    """

    subject: str
    at_s: float
    had_key: bool
    records: RecordCounts
    feedback: int
    audit: int


class SubjectData:
    """Finds, shows and erases what is kept of subjects.

    `files` read by the same keys; `audit` is the folder of the audit log, none where there is none.
    """

    def __init__(
        self,
        files: Files,
        keys: SubjectKeys,
        rows: SealedRows,
        feedback: FeedbackErasure,
        audit: Path | None,
    ) -> None:
        self._files, self._keys, self._rows = files, keys, rows
        self._feedback, self._audit = feedback, audit

    def whom(self, subject: str, tenant: str) -> Whom:
        """A subject with its pseudonym."""
        return Whom(subject, tenant, self._rows.subject_of(tenant, subject))

    def export(self, whom: Whom) -> dict[str, Any]:
        """All that is known of a subject, as values of JSON, with counts.

        Raises:
            RecordsFailed: the log or the keys cannot be read.
            RegistryFailed: the database cannot be read.
        """
        rows = list(self._recorded(whom))
        counts, about = self._counted(whom, rows)
        received = self._feedback.received(about)
        lines = self._audited(whom)
        return {
            "subject": whom.pseudonym,
            "tenant": whom.tenant,
            "erased_at_s": self._keys.erased_at_s(whom.pseudonym),
            "counts": {
                "records": counts.rows,
                "records_readable": counts.readable,
                "feedback": len(received),
                "audit": len(lines),
            },
            "records": [_shown(row) for row in rows],
            "feedback": received,
            "audit": lines,
        }

    def erase(self, whom: Whom, at_s: float) -> Erased:
        """Destroy a subject's key and remove feedback about it; `at_s` is now.

        What is still on its way to the log and came before is kept without values. Doing it again
        does no harm, and finishes what broke off.

        Raises:
            RecordsFailed: the log or the keys cannot be used.
            RegistryFailed: the database cannot be used.
        """
        counts, about = self._counted(whom, self._recorded(whom))
        had_key = self._keys.erase(whom.pseudonym, at_s)
        removed = self._feedback.erase(about)
        lines = len(self._audited(whom))
        return Erased(whom.pseudonym, at_s, had_key, counts, removed, lines)

    def _recorded(self, whom: Whom) -> Iterator[dict[str, Any]]:
        for batch in query(self._files, Query(subject=whom.pseudonym, order="oldest")):
            yield from batch.to_pylist()

    def _counted(self, whom: Whom, rows: Any) -> tuple[RecordCounts, SubjectFeedback]:
        """How many rows there are, and by what feedback about them is found."""
        total = readable = 0
        by_id: dict[tuple[str, str], set[int]] = defaultdict(set)
        keys: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            total += 1
            readable += row["value"] is not None or bool(row["features_kept"])
            endpoint = row["endpoint"]
            # The key of rows may be the subject itself.
            keys[endpoint].add(self._rows.key_of(endpoint, whom.subject))
            if row["prediction_id"] is not None:
                by_id[endpoint, row["prediction_id"]].add(row["row"])
            if row["key"] is not None:
                keys[endpoint].add(row["key"])
        return RecordCounts(total, readable, tuple(sorted(keys))), SubjectFeedback(
            whom.pseudonym,
            {name: frozenset(some) for name, some in by_id.items()},
            {name: frozenset(some) for name, some in keys.items()},
        )

    def _audited(self, whom: Whom) -> list[dict[str, Any]]:
        """The lines of the audit log that name a subject: its erasures, and what it did itself."""
        if self._audit is None:
            return []
        try:
            lines = all_events(self._audit)
        except NotFound:
            return []
        return [
            one
            for one in lines
            if one.get("object") == object_of(whom)
            or (one.get("actor") == whom.subject and one.get("tenant") == whom.tenant)
        ]


def object_of(whom: Whom) -> str:
    """What stands in the audit log for a subject, which is not named there."""
    return f"subject {whom.pseudonym}"


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row as it is shown: without columns that say nothing of it."""
    return {name: value for name, value in row.items() if value is not None or name in _CONTEXT}

"""Whose data an endpoint's rows are, what of them may be kept, and for how long."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from serve_app.config.base import Frozen
from serve_app.config.names import Location


class PrivacySettings(Frozen):
    """Whose data the rows of an endpoint are.

    `subject` names the field of the rows, the value beside them, or the header that says whom a
    row is about, such as `customer_id`. Rows without one are recorded without values. With
    `log_columns: schema`, values are recorded only of columns of which `schema.columns` says
    `log: true`; with `all`, of all but those of which it says `log: false`.
    """

    subject: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    log_columns: Literal["all", "schema"] = "all"


class RetentionSettings(Frozen):
    """After how many days what is kept goes, by its kind; where nothing is said, by other bounds.

    `predictions` is an upper bound: endpoints may say less by their own `retention_days`.
    """

    predictions: PositiveInt | None = None
    feedback: PositiveInt | None = None
    events: PositiveInt | None = None

    @property
    def is_set(self) -> bool:
        """Whether anything goes."""
        return self != RetentionSettings()


class PrivacyArgs(Frozen):
    """What the monitor needs to keep the data of subjects.

    `secret` is a file whose content makes pseudonyms of subjects and encrypts their keys. The key
    of each subject is in the file `keys`: who erases a subject destroys its key there.
    `retain_days` says after how many days what is kept goes.
    """

    secret: Location | None = None
    keys: Location = "./state/privacy-keys.db"
    retain_days: RetentionSettings = RetentionSettings()

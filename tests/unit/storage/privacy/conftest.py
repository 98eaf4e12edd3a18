"""A secret, the keys of subjects, and what encrypts rows under them."""

from dataclasses import dataclass

import pytest

from serve_app.security.subjects import SubjectSecret
from serve_app.storage.privacy.sealing import SealedRows
from serve_app.storage.privacy.subject_keys import SubjectKeys

SECRET = "0123456789abcdef" * 4


@dataclass
class Keeping:
    """What a monitor has, at one place."""

    keys: SubjectKeys
    rows: SealedRows


def keeping_in(folder, secret=SECRET):
    made = SubjectSecret(secret)
    keys = SubjectKeys(folder / "keys.db", made)
    return Keeping(keys, SealedRows(made, keys, lambda: 1_790_000_000.0))


@pytest.fixture
def keeping(tmp_path):
    return keeping_in(tmp_path)

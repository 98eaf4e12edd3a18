"""Of a person who was erased nothing is read anywhere: in no file, and in no copy of before."""

import json
import shutil

import pytest
import yaml

from serve_app.config import MonitorArgs
from serve_app.core.feedback import Feedback
from serve_app.core.messages import Payload, Request
from serve_app.core.record_settings import RecordSettings
from serve_app.storage.feedback import FeedbackStore
from serve_app.storage.privacy.retained import subjects_of
from serve_app.storage.records.compaction import Compactor
from serve_app.storage.records.deliveries import Incoming
from serve_app.storage.records.files import Files
from tests.unit.cli import conftest
from tests.unit.storage.records.conftest import payload, record

serve_app = conftest.serve_app
GONE, STAYS = "erika.mustermann.7731", "max.beispiel.4402"
VALUE = 87.30129
"""What only the one who is gone has."""
SETTINGS = {"diagnosis": RecordSettings(subject="customer")}


def asked(number, subject, value):
    """A recorded request that names its subject among its keys."""
    given = Payload({"age": [value]}, 1, {"customer": subject})
    return record(number, request=Request("diagnosis", given, f"request-{number}"))


@pytest.fixture
def config(tmp_path, monkeypatch, serve_app):
    """A config of a monitor that keeps rows and feedback of two people, some of it compacted."""
    monkeypatch.chdir(tmp_path)
    assert serve_app("privacy", "secret", "keys/secret").code == 0
    args = {"state": "./state", "privacy": {"secret": "./keys/secret"}}
    applications = [
        {"name": "monitor", "import_path": "serve_app.app:monitor", "args": args},
        {
            "name": "gateway",
            "import_path": "serve_app.app:gateway",
            "args": {"audit": {"path": "./state/audit"}},
        },
    ]
    (tmp_path / "c.yaml").write_text(yaml.safe_dump({"applications": applications}))
    made = MonitorArgs.model_validate(args)
    files = Files(made.records, vault=subjects_of(made.privacy).rows)
    incoming = Incoming(files)
    people = [(1, GONE, VALUE), (2, STAYS, 21.5), (3, GONE, VALUE)]
    incoming.take("gw", 0, payload([asked(*one) for one in people], SETTINGS))
    Compactor(files, incoming).compact()
    incoming.take("gw", 1, payload([asked(4, GONE, VALUE)], SETTINGS))
    feedback = FeedbackStore("state")
    feedback.record(Feedback("diagnosis", "p-9", truth_json=f'"{STAYS}"'), 1.0)
    return ("--config", tmp_path / "c.yaml")


def found(folder, *words):
    """The files in which a word stands, by whichever coding."""
    wanted = [word.encode(coding) for word in words for coding in ("utf-8", "utf-16-le")]
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and any(word in path.read_bytes() for word in wanted)
    ]


def exported(serve_app, config, subject):
    return json.loads(serve_app("privacy", "export", *config, "--subject", subject, "--json").out)


def test_who_was_erased_stands_in_no_file_and_no_copy_of_before_is_read(
    serve_app, config, tmp_path
):
    before = exported(serve_app, config, GONE)
    assert before["counts"]["records_readable"] == 3
    backup = tmp_path.parent / f"{tmp_path.name}-backup"
    shutil.copytree(tmp_path, backup)
    # Their keys are of their own file, whose copies are kept for a shorter time.
    keys = {
        path.relative_to(tmp_path) for path in tmp_path.rglob("privacy-keys*") if path.is_file()
    }
    assert keys
    done = serve_app("privacy", "erase", *config, "--subject", GONE, "--yes")
    assert done.code == 0, done.err
    number = repr(VALUE)
    assert found(tmp_path, GONE, number) == []
    # The log of changes says that somebody was erased, and not who.
    assert exported(serve_app, config, GONE)["counts"]["records_readable"] == 0
    assert exported(serve_app, config, STAYS)["counts"]["records_readable"] == 1
    # Records of the backup come back, the keys do not.
    for path in backup.rglob("*"):
        within = path.relative_to(backup)
        if path.is_file() and not any(str(within).startswith(str(one)) for one in keys):
            shutil.copy(path, tmp_path / within)
    restored = exported(serve_app, config, GONE)
    assert restored["counts"]["records_readable"] == 0
    assert VALUE not in [row.get("feature_age") for row in restored["records"]]
    assert found(tmp_path, GONE, number) == []
    assert exported(serve_app, config, STAYS)["counts"]["records_readable"] == 1

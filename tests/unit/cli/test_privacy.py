"""`serve-app privacy`: what is kept of one person, shown or erased."""

import json
import stat

import pytest
import yaml

from serve_app.config import MonitorArgs
from serve_app.core.record_settings import RecordSettings
from serve_app.storage.privacy.retained import subjects_of
from serve_app.storage.records.compaction import Compactor
from serve_app.storage.records.deliveries import Incoming
from serve_app.storage.records.files import Files
from tests.unit.storage.records.conftest import payload, record

SETTINGS = {"diagnosis": RecordSettings(subject="order_id")}


@pytest.fixture
def config(tmp_path, monkeypatch, serve_app):
    """A config of a monitor that keeps two people, 1 and 2."""
    monkeypatch.chdir(tmp_path)
    assert serve_app("privacy", "secret", "keys/secret").code == 0
    args = {"privacy": {"secret": "./keys/secret"}}
    gateway = {"audit": {"path": "./state/audit"}}
    applications = [
        {"name": "monitor", "import_path": "serve_app.app:monitor", "args": args},
        {"name": "gateway", "import_path": "serve_app.app:gateway", "args": gateway},
    ]
    (tmp_path / "c.yaml").write_text(yaml.safe_dump({"applications": applications}))
    made = MonitorArgs.model_validate(args)
    files = Files(made.records, vault=subjects_of(made.privacy).rows)
    Incoming(files).take("gw", 0, payload([record(1), record(2), record(1)], SETTINGS))
    return ("--config", tmp_path / "c.yaml")


def test_a_secret_is_for_its_owner_alone_and_never_overwritten(serve_app, config, tmp_path):
    file = tmp_path / "keys" / "secret"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_text()
    again = serve_app("privacy", "secret", "keys/secret")
    assert again.code == 1
    assert "is there already, and is not overwritten" in again.err
    assert file.read_text() == before


def test_what_is_kept_is_counted_and_written(serve_app, config, tmp_path):
    done = serve_app("privacy", "export", *config, "--subject", "1", "--out", "one.json")
    assert done.out.splitlines() == [
        "2 rows of records (2 with values), 0 of feedback, 0 lines of the audit log",
        "wrote one.json",
    ]
    file = tmp_path / "one.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    body = json.loads(file.read_text())
    assert [row["feature_age"] for row in body["records"]] == [21.0, 21.0]
    printed = json.loads(serve_app("privacy", "export", *config, "--subject", "1", "--json").out)
    assert printed == body


def test_erasing_counts_what_went_and_is_audited_by_the_pseudonym(serve_app, config, tmp_path):
    done = serve_app("privacy", "erase", *config, "--subject", "1", "--yes")
    assert done.code == 0, done.err
    assert done.out.splitlines()[0].startswith("records: 2 rows of diagnosis: nobody can read")
    assert done.out.splitlines()[1] == "feedback: 0 removed"
    counts = json.loads(serve_app("privacy", "export", *config, "--subject", "1", "--json").out)
    assert counts["counts"] == {
        "records": 2, "records_readable": 0, "feedback": 0, "audit": 2,
    }  # fmt: skip
    other = json.loads(serve_app("privacy", "export", *config, "--subject", "2", "--json").out)
    assert other["counts"]["records_readable"] == 1
    lines = json.loads(serve_app("audit", "show", "--path", "state/audit", "--json").out)
    assert [(one["action"], one["result"]) for one in lines] == [
        ("erase_subject", "begun"),
        ("erase_subject", "done"),
    ]
    assert {one["object"] for one in lines} == {f"subject {counts['subject']}"}
    assert serve_app("audit", "verify", "--path", "state/audit").code == 0
    body = json.loads(
        serve_app("privacy", "erase", *config, "--subject", "1", "--yes", "--json").out
    )
    assert (body["had_key"], body["records"]["rows"], body["records"]["readable"]) == (False, 2, 0)


def test_who_is_unknown_has_nothing(serve_app, config):
    done = serve_app("privacy", "erase", *config, "--subject", "nobody", "--yes")
    assert done.code == 0
    assert "there was no key of this subject" in done.out


def test_rows_of_endpoints_without_subjects_are_nobodys(serve_app, config):
    incoming = Incoming(Files("state/records"))
    incoming.take("gw", 1, payload([record(4, endpoint="other"), record(5)]))
    Compactor(Files("state/records"), incoming).compact()
    body = json.loads(serve_app("privacy", "export", *config, "--subject", "1", "--json").out)
    assert body["counts"]["records"] == 2
    done = serve_app("records", "query", "--records", "state/records", "--json")
    ages = [row["feature_age"] for row in json.loads(done.out)]
    assert sorted(ages, key=str) == [24.0, 25.0, None, None, None]
    assert "sealed" not in done.out
    sql = serve_app(
        "records", "query", "--records", "state/records", "--json",
        "--sql", "select count(*) as n, count(feature_age) as known from records",
    )  # fmt: skip
    assert json.loads(sql.out) == [{"n": 5, "known": 2}]


def test_nothing_is_erased_that_cannot_be_audited(serve_app, config, tmp_path):
    (tmp_path / "state" / "audit").write_text("a file")
    done = serve_app("privacy", "erase", *config, "--subject", "1", "--yes")
    assert done.code == 1
    assert "the audit log cannot be kept" in done.err
    (tmp_path / "state" / "audit").unlink()
    left = json.loads(serve_app("privacy", "export", *config, "--subject", "1", "--json").out)
    assert left["counts"]["records_readable"] == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("applications: []", "has no application serve_app.app:monitor"),
        ("a: [", "is no YAML"),
        (
            "applications: [{name: monitor, import_path: 'serve_app.app:monitor'}]",
            "keeps nothing by subject",
        ),
        (
            "applications: [{name: monitor, import_path: serve_app.app.monitor}]",
            "keeps nothing by subject",
        ),
        (
            "applications: [{name: m, import_path: 'serve_app.app:monitor', args: {privcy: 1}}]",
            "args of m: privcy",
        ),
    ],
)
def test_a_config_of_no_use_is_refused_in_words(serve_app, tmp_path, text, words):
    (tmp_path / "c.yaml").write_text(text)
    done = serve_app("privacy", "export", "--config", tmp_path / "c.yaml", "--subject", "1")
    assert done.code == 1
    assert words in done.err


def test_other_keys_than_those_of_the_secret_are_refused(serve_app, config, tmp_path):
    (tmp_path / "keys" / "secret").write_text("another secret of more than 32 letters")
    done = serve_app("privacy", "erase", *config, "--subject", "1", "--yes")
    assert done.code == 1
    assert "are not those of this secret" in done.err

"""What is wrong with a value is so in whatever file it stands."""

import re
from pathlib import Path

from serve_app.platforms.written_rules import VARIABLES, secrets, unfilled, variables

# Names that are parts of names, and what only our own processes give each other.
OWN = {"SERVE_APP_COMPLETE", "SERVE_APP_EDGE_TOKEN_PATH"}


def test_the_variables_are_those_that_the_code_reads():
    texts = [path.read_text() for path in Path("serve_app").rglob("*.py")]
    read = set(re.findall(r"\bSERVE_APP_[A-Z_]*[A-Z]\b", "\n".join(texts)))
    assert read - OWN == set(VARIABLES)


def test_what_is_to_be_filled_in_is_named_wherever_it_is():
    said = list(unfilled({"a": [{"b": "x-FILL_IN_REGION/FILL_IN"}]}))
    assert [words.split()[0] for _, words in said] == ["FILL_IN_REGION", "FILL_IN"]


def test_a_secret_is_none_where_it_is_looked_up_elsewhere():
    written = {"Environment": {"Variables": {"DB_PASSWORD": "{{resolve:secretsmanager:x}}"}}}
    assert list(secrets(written)) == []
    written["Environment"]["Variables"]["DB_PASSWORD"] = "hunter2"
    ((path, words),) = secrets(written)
    assert path[-1] == "DB_PASSWORD"
    assert "is a secret" in words
    reference = {"env": [{"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {}}}]}
    assert list(secrets(reference)) == []


def test_variables_of_others_are_left_alone():
    assert list(variables({"env": [{"name": "OMP_NUM_THREADS"}, {"name": "PATH"}]})) == []

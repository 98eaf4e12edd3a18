"""Mistakes in a unit of systemd are found, by line, with what was meant."""

import pytest

from serve_app.platforms.kinds import UNIT, kind_of
from serve_app.platforms.systemd import Unit, unit_text
from serve_app.platforms.systemd_checks import findings

START = unit_text(Unit("/srv/models", "/opt/serve-app", config="configs/a.yaml", leave_s=5.0))
JOIN = unit_text(Unit("/srv/models", "/opt/serve-app", join="10.0.0.1:6379", drain_s=60.0))


@pytest.mark.parametrize("text", [START, JOIN], ids=["start", "join"])
def test_nothing_is_wrong_with_what_is_written(text):
    assert kind_of(text) is UNIT
    assert findings(text) == []


PLANTED = {
    "a key": ("TimeoutStopSec=", "TimeoutStopSecs=", "Did you mean 'TimeoutStopSec'?"),
    "a key's case": ("LimitNOFILE=", "LimitNoFile=", "Did you mean 'LimitNOFILE'?"),
    "a section": ("[Service]", "[Sevice]", "Did you mean 'Service'?"),
    "a key below another section": ("WantedBy=", "Restart=", "is read below [Service]"),
    "a word": ("Restart=always", "Restart=allways", "Did you mean 'always'?"),
    "a type": ("Type=exec", "Type=exce", "Did you mean 'exec'?"),
    "a flag": ("NoNewPrivileges=yes", "NoNewPrivileges=yess", "Did you mean 'yes'?"),
    "a path": ("ExecStart=/opt", "ExecStart=opt", "no whole path"),
    "a folder": ("WorkingDirectory=/srv/models", "WorkingDirectory=models", "no whole path"),
    "a command": ("cluster start", "cluster strat", "Did you mean 'cluster start'?"),
    "an option": ("--leave-s 5", "--leave 5", "Did you mean '--leave-s'?"),
    "a port": ("--http-port 8000", "--http-port 80000", "from 1 to 65535"),
    "a time with a unit": ("--drain-s 30", "--drain-s 30s", "without a unit"),
    "no foreground": (" --foreground", " --full", "lacks --foreground"),
    "too short a stop": ("TimeoutStopSec=80", "TimeoutStopSec=1min 5s", "takes up to 80 s"),
    "how it ends": ("KillMode=mixed", "KillMode=process", "KillMode=mixed"),
    "root": ("User=serve-app", "User=root", "write User=serve-app"),
    "few files": ("LimitNOFILE=65536", "LimitNOFILE=1024", "write 65536"),
    "a folder that it cannot write": ("ReadWritePaths=/srv/models ", "ReadWritePaths=/srv/other ",
                                      "lacks /srv/models"),
    "a secret": ("Environment=HOME=/srv/models", "Environment=DB_PASSWORD=x", "holds a secret"),
    "a line that is none": ("UMask=0077", "UMask 0077", "no assignment"),
    "a place to fill in": ("User=serve-app", "User=FILL_IN_USER", "is to be filled in"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", PLANTED)
def test_a_planted_mistake_is_found_where_it_stands(mistake):
    right, wrong, words = PLANTED[mistake]
    assert right in START
    text = START.replace(right, wrong, 1)
    assert kind_of(text) is UNIT
    line = text[: START.index(right)].count("\n") + 1
    found = [one for one in findings(text) if words in one.message]
    assert {one.line for one in found} == {line}, findings(text)


def test_lines_that_go_on_are_one():
    text = START.replace("cluster start --foreground", "cluster start \\\n  --foregruond")
    (option, *_) = [one for one in findings(text) if "no option" in one.message]
    assert "Did you mean '--foreground'?" in option.message
    assert text.splitlines()[option.line - 1].startswith("ExecStart=")


def test_a_unit_of_something_else_is_looked_through_for_its_keys_alone():
    text = "[Unit]\nDescription=x\n[Service]\nExecStart=/usr/sbin/nginx -g x\n"
    assert findings(text) == []


def test_units_that_no_machine_could_read_are_findings_and_no_crash():
    for text in ("[Service]\nExecStart=\n", "[Service]\nExecStart='/a\n", "ExecStart=x\n[Service]"):
        assert findings(text)

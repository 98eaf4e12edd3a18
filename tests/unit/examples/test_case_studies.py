"""Every case study runs from its data to a live endpoint, and measures what its page says."""

import contextlib
import io
from importlib import import_module
from pathlib import Path

import pytest

from examples.case_study.command import differences, main
from examples.case_study.session import Session, emptied
from tests.ports import free_port

EXAMPLES = Path(__file__).parents[3] / "examples"
STUDIES = sorted(path.parent.name for path in EXAMPLES.glob("*/study.py"))


def study(name):
    return import_module(f"examples.{name}.study").STUDY


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", [name for name in STUDIES if not study(name).on_cluster])
def test_a_case_study_measures_what_its_page_says(name, tmp_path):
    shown = []
    with Session(emptied(tmp_path / name), free_port(), shown.append) as session:
        outcome = study(name).run(session)
        answering = session.endpoints[-1]
        assert answering.is_ready()
        assert answering.client.endpoints()
    assert not answering.is_ready()
    commands = [line.split()[2] for line in shown]
    assert {"predict", "retrain", "run"} <= set(commands)
    assert outcome.next_steps
    assert differences(study(name), outcome) == []


@pytest.mark.parametrize("name", STUDIES)
def test_a_case_study_has_a_page_with_its_pictures_and_its_command(name):
    text = study(name).page.read_text()
    pictures = sorted(study(name).page.parent.glob(f"{name}-*.svg"))
    assert pictures
    assert all(f"]({path.name})" in text for path in pictures)
    assert f"python -m examples.{name}" in text


@pytest.mark.parametrize("name", STUDIES)
def test_its_command_says_what_it_is(name):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.raises(SystemExit) as ended:
        main(study(name), ["--help"])
    assert ended.value.code == 0
    assert study(name).summary in " ".join(printed.getvalue().split())

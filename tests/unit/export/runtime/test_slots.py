"""The two slots on disk."""

import io
import zipfile

import pytest

from serve_app.errors import ArtifactRejected, Conflict
from serve_app.export.runtime.bundle import Bundle
from serve_app.export.runtime.slots import Content, Slots, State

ONE, TWO = Content("churn", 1, "churn_1"), Content("churn", 2, "churn_2")


def wheel(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return Bundle("churn", 2, "churn_2", buffer.getvalue())


def test_a_state_is_read_as_it_was_saved(tmp_path):
    slots = Slots(tmp_path)
    assert slots.state() == State()
    state = State(etags={"http://x": '"1"'}).turned_to("a", ONE).turned_to("b", TWO)
    slots.save(state)
    assert Slots(tmp_path).state() == state
    assert (state.current, state.previous, state.free, state.content) == ("b", "a", "a", TWO)
    assert [slot for slot, _ in state.rolled_back().tried()] == ["a", "b"]


@pytest.mark.parametrize("name", ["../out", "/etc/out", "a//b", "a\\b", "c:/x", "./x"])
def test_no_file_lands_outside_of_its_slot(tmp_path, name):
    slots = Slots(tmp_path / "slots")
    with pytest.raises(ArtifactRejected, match="holds the path"):
        slots.put("a", wheel(**{name: b"x"}))
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_stood_in_a_slot_is_replaced(tmp_path):
    slots = Slots(tmp_path)
    slots.put("a", wheel(old=b"1"))
    folder = slots.put("a", wheel(new=b"2"))
    assert [path.name for path in folder.iterdir()] == ["new"]


def test_what_is_no_wheel_is_refused(tmp_path):
    with pytest.raises(ArtifactRejected, match="damaged"):
        Slots(tmp_path).put("a", Bundle("churn", 2, "churn_2", b"PK no"))


def test_a_second_update_meanwhile_is_refused(tmp_path):
    with (
        Slots(tmp_path).alone(),
        pytest.raises(Conflict, match="under way"),
        Slots(tmp_path).alone(),
    ):
        pass


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"current": "c", "previous": null, "contents": {}, "etags": {}}']
)
def test_a_damaged_state_is_told(tmp_path, text):
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(ArtifactRejected, match="is damaged; remove"):
        Slots(tmp_path).state()

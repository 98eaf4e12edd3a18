"""Modules of a model's own: read from files and folders, imported for one version alone."""

import importlib
import sys
import threading

import pytest

from serve_app.errors import InvalidInput
from serve_app.models.code import NONE, Code, of_version, read_code
from serve_app.models.own_modules import importable


@pytest.fixture(autouse=True)
def _names_given_back():
    before, finders = dict(sys.modules), list(sys.meta_path)
    yield
    for name in set(sys.modules) - set(before):
        del sys.modules[name]
    sys.meta_path[:] = finders
    from serve_app.models import own_modules

    own_modules._owners.clear()


def code(**modules):
    return Code({f"{name.replace('__', '/')}.py": text.encode() for name, text in modules.items()})


def test_a_module_is_found_while_entered_and_stays_where_nobody_had_the_name():
    with importable(code(alone_a="SIZE = 3")):
        import alone_a
    assert alone_a.SIZE == 3
    assert sys.modules["alone_a"] is alone_a


def test_versions_with_another_module_of_the_same_name_keep_their_own():
    first = code(twofold="import twofold_aid\ndef size(): return twofold_aid.SIZE",
                 twofold_aid="SIZE = 1")  # fmt: skip
    second = code(twofold="def size():\n    import twofold_aid\n    return twofold_aid.SIZE",
                  twofold_aid="SIZE = 2")  # fmt: skip
    with importable(first):
        import twofold as one
    with importable(second):
        import twofold as two
    assert (one.size(), two.size(), one.size()) == (1, 2, 1)
    assert sys.modules["twofold"] is one
    with importable(second):
        assert sys.modules["twofold"] is two


def test_a_version_does_not_find_what_only_another_brought():
    with importable(code(lonely="def seek():\n    import only_there", other_thing="")):
        import lonely
    with importable(code(only_there="SIZE = 1")):
        import only_there  # noqa: F401
    with pytest.raises(ModuleNotFoundError, match="only_there"):
        lonely.seek()


def test_a_version_without_code_does_not_find_anothers():
    with importable(code(somebodys="SIZE = 1")):
        import somebodys
    with importable(NONE), pytest.raises(ModuleNotFoundError):
        importlib.import_module("somebodys")
    assert sys.modules["somebodys"] is somebodys


def test_modules_that_import_each_other_are_made_once():
    made = code(round_a="import round_b\nclass A: pass", round_b="import round_a\nclass B: pass")
    with importable(made):
        import round_a
        import round_b
    assert round_b.round_a is round_a


def test_packages_and_their_neighbours_are_found_later_too():
    made = code(
        grown____init__="",
        grown__deep="def size():\n    from . import late\n    return late.SIZE",
        grown__late="SIZE = 5",
    )
    with importable(made):
        import grown.deep
    with importable(code(grown____init__="")):
        import grown as other
    assert other is not grown
    assert grown.deep.size() == 5


def test_a_module_of_the_process_comes_back(tmp_path, monkeypatch):
    (tmp_path / "shared_name.py").write_text("SIZE = 7")
    monkeypatch.syspath_prepend(tmp_path)
    import shared_name

    with importable(code(shared_name="SIZE = 8")):
        import shared_name as inside

        assert inside.SIZE == 8
    assert sys.modules["shared_name"] is shared_name
    assert not any(type(one).__name__ == "_Finder" for one in sys.meta_path)


def test_data_beside_a_module_is_where_the_module_looks():
    read = "import pathlib\nTEXT = pathlib.Path(__file__).with_name('words.txt').read_text()"
    made = Code({"reads_data.py": read.encode(), "words.txt": b"hello"})
    with importable(made):
        import reads_data
    assert reads_data.TEXT == "hello"


def test_threads_wait_for_each_others_modules():
    codes = [code(threaded="def size():\n    import threaded_aid\n    return threaded_aid.N\n",
                  threaded_aid=f"N = {n}") for n in range(4)]  # fmt: skip
    found = {}

    def loads(n):
        with importable(codes[n]):
            module = importlib.import_module("threaded")
        found[n] = [module.size() for _ in range(5)]

    threads = [threading.Thread(target=loads, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: [n] * 5 for n in range(4)}


def test_files_folders_and_packages_are_read(tmp_path):
    (tmp_path / "single.py").write_text("")
    for path in ("pack/__init__.py", "pack/inner/deep.py", "loose/part.py",
                 "loose/__pycache__/x.pyc", "loose/.git/config", "loose/table.csv"):  # fmt: skip
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    found = read_code([tmp_path / "single.py", tmp_path / "pack", tmp_path / "loose"])
    assert set(found.files) == {
        "single.py", "pack/__init__.py", "pack/inner/deep.py", "loose/part.py", "loose/table.csv"
    }  # fmt: skip
    assert found.modules == ("loose", "pack", "part", "single")
    assert of_version({"model.skops": b"", **found.stored()}) == found


@pytest.mark.parametrize(
    ("name", "said"),
    [("json.py", "in use here"), ("my-module.py", "cannot be imported by its name"),
     ("numpy.py", "in use here"), ("words.txt", "no Python module")],
)  # fmt: skip
def test_what_cannot_be_imported_or_would_hide_another_is_refused(tmp_path, name, said):
    import numpy  # noqa: F401, ICN001

    (tmp_path / name).write_text("")
    with pytest.raises(InvalidInput, match=said):
        read_code([tmp_path / name])


def test_two_of_the_same_name_are_refused(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.py").write_text("")
    with pytest.raises(InvalidInput, match=r"both hold same\.py"):
        read_code([tmp_path / "a" / "same.py", tmp_path / "b" / "same.py"])

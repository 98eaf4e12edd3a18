"""Models stand in a registry, or in the folder of one version that a platform unpacked."""

import shutil

import fsspec
import pytest

from serve_app.engine.load import load
from serve_app.errors import ConfigError, RegistryFailed
from serve_app.standalone.versions import only_model, opened


@pytest.fixture
def folder(registry, tmp_path):
    """The folder of one version, under a name that says nothing of it."""
    files, root = fsspec.url_to_fs(registry._files.url)
    for path in files.find(f"{root}/logistic/1"):
        target = tmp_path / "model" / path.rpartition("/logistic/1/")[2]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(files.cat_file(path))
    return tmp_path / "model"


def test_a_registry_is_taken_as_it_is(registry):
    assert opened(registry._files.url).models() == registry.models()


def test_the_folder_of_one_version_has_its_names_in_its_manifest(folder, registry):
    store = opened(str(folder))
    assert store.models() == ["logistic"]
    assert store.versions("logistic") == [1]
    assert load(store, "logistic", 1).manifest == registry.manifest("logistic", 1)
    assert only_model(store, str(folder)) == "logistic"


def test_so_does_one_at_a_url(folder):
    files, root = fsspec.url_to_fs("memory://unpacked-model")
    for path in folder.iterdir():
        files.pipe_file(f"{root}/{path.name}", path.read_bytes())
    store = opened("memory://unpacked-model")
    assert load(store, "logistic", 1).manifest.reference == "logistic@1"


def test_a_changed_byte_is_refused(folder):
    (changed,) = [one for one in folder.iterdir() if one.suffix == ".npz"]
    changed.write_bytes(changed.read_bytes()[:-1] + b"!")
    with pytest.raises(Exception, match="has changed"):
        load(opened(str(folder)), "logistic", 1)


def test_a_damaged_manifest_is_named(folder):
    (folder / "manifest.json").write_text('{"name": 1}')
    with pytest.raises(ConfigError, match=r"manifest\.json is damaged"):
        opened(str(folder))


def test_where_nothing_is_nothing_can_answer(tmp_path):
    with pytest.raises(ConfigError, match=r"there is no model in .*--registry"):
        only_model(opened(str(tmp_path)), str(tmp_path))
    with pytest.raises(RegistryFailed):
        opened("")


def test_of_several_models_somebody_has_to_choose(registry):
    with pytest.raises(ConfigError, match=r"holds \d models .*name those that shall answer"):
        only_model(registry, "here")


def test_the_folder_may_be_read_only(folder):
    folder.chmod(0o500)
    try:
        assert opened(str(folder)).models() == ["logistic"]
    finally:
        folder.chmod(0o700)
        shutil.rmtree(folder)

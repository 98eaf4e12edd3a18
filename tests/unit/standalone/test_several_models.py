"""SageMaker's multi-model containers: models come and go by requests of the platform.

What is asked and answered: https://docs.aws.amazon.com/sagemaker/latest/dg/mms-container-apis.html
"""

import asyncio
import json
import secrets
import shutil
import threading
import time
from dataclasses import replace

import httpx
import pytest

from serve_app.control.keys import KeyBook
from serve_app.core.access import KeyOrder
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import ConfigError
from serve_app.registry.store import Registry
from serve_app.standalone import several_models
from serve_app.standalone.application import build
from serve_app.standalone.memory import available_bytes
from serve_app.standalone.places import Place, place_of
from serve_app.standalone.settings import RunSettings
from serve_app.storage.keys_file import KeysFile
from tests.unit.gateway.harness import ROW
from tests.unit.standalone.running import running

SEVERAL = {"SAGEMAKER_MULTI_MODEL": "true"}
PREDICT = {"json": {"instances": [ROW]}}


@pytest.fixture
def root(_registered, tmp_path):
    """The folder of models as the platform leaves it: a folder of one version for each name."""
    for name, model in {"3f2a": "logistic", "77c0": "logistic", "9b1d": "line"}.items():
        unpacked(_registered, model, tmp_path / "models" / name / "model")
    return tmp_path / "models"


def unpacked(files, model, folder):
    """Write the first version of a model into a folder."""
    for path, content in files.items():
        inside = path.lstrip("/").removeprefix(f"{model}/1/")
        if inside != path.lstrip("/"):
            file = folder / inside
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)


@pytest.fixture
def settings(root):
    own = RunSettings.from_environment(SEVERAL, is_sagemaker=True)
    assert own.models == "/opt/ml/models"
    return replace(own, models=str(root))


def load(root, name, url=None):
    where = str(root / name / "model") if url is None else url
    return ("POST", "/models", {"json": {"model_name": name, "url": where}})


def asked(application, *requests, **headers):
    async def all_of_them():
        await application.load()
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://run", headers=headers
        ) as client:
            return [await client.request(method, path, **more) for method, path, more in requests]

    try:
        return asyncio.run(all_of_them())
    finally:
        asyncio.run(application.close())


def statuses(answers):
    return [answer.status_code for answer in answers]


def test_models_are_loaded_asked_listed_and_unloaded(settings, root):
    answers = asked(
        build(settings, clock=time.time),
        ("GET", "/ping", {}),
        ("GET", "/models", {}),
        ("POST", "/models/3f2a/invoke", PREDICT),
        load(root, "3f2a"),
        load(root, "3f2a"),
        ("GET", "/models", {}),
        ("GET", "/models/3f2a", {}),
        ("POST", "/models/3f2a/invoke", PREDICT),
        ("DELETE", "/models/3f2a", {}),
        ("DELETE", "/models/3f2a", {}),
        ("GET", "/models/3f2a", {}),
        ("POST", "/models/3f2a/invoke", PREDICT),
        ("GET", "/ping", {}),
        load(root, "3f2a"),
    )
    assert statuses(answers) == [
        200, 200, 404, 200, 409, 200, 200, 200, 200, 404, 404, 404, 200, 200,
    ]  # fmt: skip
    entry = {"modelName": "3f2a", "modelUrl": str(root / "3f2a" / "model")}
    assert answers[1].json() == {"models": []}
    assert answers[5].json() == {"models": [entry]}
    assert answers[6].json() == entry
    assert answers[7].json()["predictions"]


def test_two_names_of_one_version_share_it_and_part_one_by_one(settings, root):
    application = build(settings, clock=time.time)
    answers = asked(
        application,
        load(root, "3f2a"),
        load(root, "77c0"),
        ("DELETE", "/models/3f2a", {}),
        ("POST", "/models/77c0/invoke", PREDICT),
    )
    assert statuses(answers) == [200, 200, 200, 200]
    assert list(application._loaded) == ["logistic@1"]


def test_another_version_of_the_same_name_and_number_is_refused_in_words(
    settings, root, registry, models, tmp_path
):
    other = Registry(str(tmp_path / "other"))
    manifest = registry.manifest("logistic", 1)
    estimator, frame = models["logistic"]
    register(other, Candidate("logistic", estimator, frame.head(50), source="another"))
    shutil.copytree(tmp_path / "other" / "logistic" / "1", root / "aaaa" / "model")
    assert other.manifest("logistic", 1).digest != manifest.digest
    answers = asked(build(settings, clock=time.time), load(root, "3f2a"), load(root, "aaaa"))
    assert statuses(answers) == [200, 400]
    assert "register one of them under another name" in answers[1].text


@pytest.mark.parametrize(
    "url", ["/", "/etc", "/dev/shm", "/proc/self", "{root}", "{root}/..", "{root}/3f2a/../../../x",
            "{root}/link", "{root}/none", "s3://models/a", "file:///etc", "\0", ""],
)  # fmt: skip
def test_nothing_outside_the_folder_of_models_is_read(settings, root, tmp_path, url):
    (root / "link").symlink_to("/etc", target_is_directory=True)
    request = load(root, "3f2a", url.format(root=root))
    application = build(settings, clock=time.time)
    answers = asked(application, request, ("GET", "/models", {}))
    assert statuses(answers) == [400, 200]
    assert answers[1].json() == {"models": []}


@pytest.mark.parametrize("name", ["", "A", "a/b", "../a", "a b", "x" * 64, "<script>"])
def test_a_name_that_no_endpoint_can_have_is_refused(settings, root, name):
    (answer,) = asked(
        build(settings, clock=time.time), load(root, name, str(root / "3f2a" / "model"))
    )
    assert answer.status_code == 400


def test_a_folder_without_a_version_or_with_a_damaged_one_is_refused(settings, root):
    (root / "bare" / "model").mkdir(parents=True)
    (root / "bare" / "model" / "model.pkl").write_bytes(b"cos\nsystem\n")
    (root / "torn").mkdir()
    shutil.copytree(root / "3f2a" / "model", root / "torn" / "model")
    (root / "torn" / "model" / "manifest.json").write_text("{}")
    application = build(settings, clock=time.time)
    answers = asked(application, load(root, "bare"), load(root, "torn"), load(root, "3f2a"))
    assert statuses(answers) == [400, 400, 200]
    assert "there is no model in" in answers[0].text


def test_without_memory_the_platform_is_told_to_unload(settings, root, monkeypatch):
    monkeypatch.setattr("serve_app.standalone.application.available_bytes", lambda: 10)
    answers = asked(build(settings, clock=time.time), load(root, "3f2a"), ("GET", "/models", {}))
    assert statuses(answers) == [507, 200]
    assert "unload another model first" in answers[0].text
    assert answers[1].json() == {"models": []}


def test_memory_that_ends_while_a_model_is_loaded_is_told_likewise(settings, root, monkeypatch):
    def none(*_, **__):
        raise MemoryError

    monkeypatch.setattr("serve_app.standalone.application.load", none)
    assert statuses(asked(build(settings, clock=time.time), load(root, "3f2a"))) == [507]


def test_only_signed_versions_are_loaded_where_signatures_are_required(settings, root, tmp_path):
    pytest.importorskip("cryptography")
    from serve_app.cli.key_files import write_key_pair

    public = write_key_pair(tmp_path / "release.pem")
    strict = settings.trusting([str(public)], True)
    (answer,) = asked(build(strict, clock=time.time), load(root, "3f2a"))
    assert answer.status_code >= 400
    assert "is not signed" in answer.text


def test_with_a_file_of_keys_models_are_loaded_by_who_may(settings, root, tmp_path):
    place = tmp_path / "keys.json"
    book = KeyBook(
        KeysFile(place), clock=time.time, random_bytes=secrets.token_bytes,
        keep_event=lambda _: None,
    )  # fmt: skip
    made = {
        name: book.create(KeyOrder(name, scopes), "ada")
        for name, scopes in (("ops", ("admin", "read")), ("client", ("predict",)))
    }
    locked = replace(settings, keys_file=str(place))
    answers = {
        name: statuses(
            asked(build(locked, clock=time.time), load(root, "3f2a"), **{"x-api-key": one.key})
        )
        for name, one in made.items()
    }
    assert answers == {"ops": [200], "client": [403]}
    assert statuses(asked(build(locked, clock=time.time), load(root, "3f2a"))) == [401]


def test_a_page_of_another_origin_loads_nothing(settings, root):
    method, path, more = load(root, "3f2a")
    headers = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    (answer,) = asked(
        build(settings, clock=time.time), (method, path, {**more, "headers": headers})
    )
    assert answer.status_code == 403


def test_what_other_systems_would_change_is_refused(settings, root):
    answers = asked(
        build(settings, clock=time.time),
        load(root, "3f2a"),
        ("POST", "/v2/repository/models/77c0/load", {}),
        ("PUT", "/models/3f2a?min_worker=2", {}),
        ("POST", "/models/3f2a/invoke", PREDICT),
    )
    assert statuses(answers)[0] == statuses(answers)[-1] == 200
    assert all(400 <= one < 500 for one in statuses(answers)[1:3])


@pytest.mark.parametrize("more", [{"SERVE_APP_MODEL": "logistic@1"}])
def test_models_that_are_named_as_well_are_a_mistake(more, root):
    named = RunSettings.from_environment({**SEVERAL, **more}, is_sagemaker=True)
    with pytest.raises(ConfigError, match="leave out SERVE_APP_MODEL"):
        build(named, clock=time.time)


@pytest.mark.parametrize("text", ["", "false", "1", "yes"])
def test_only_true_lets_models_be_loaded(text):
    place = place_of({"SAGEMAKER_MULTI_MODEL": text}, is_sagemaker=True)
    assert place == Place("SageMaker", "0.0.0.0", 8080, "/opt/ml/model")


def test_elsewhere_the_variable_counts_for_nothing():
    assert not place_of(SEVERAL).has_several
    assert not place_of({**SEVERAL, "PORT": "3000"}).has_several


def test_memory_is_what_the_container_leaves(tmp_path):
    whole = available_bytes(tmp_path)
    assert whole > 0
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("400\n")
    assert available_bytes(tmp_path) == 600
    (tmp_path / "memory.max").write_text("max\n")
    assert available_bytes(tmp_path) > 600


def test_a_process_loads_models_while_others_answer(root):
    """As the platform does it: over HTTP, to a process that was started with `serve`."""
    environment = {**SEVERAL, "SERVE_APP_REGISTRY": str(root)}
    with running("serve", "--host", "127.0.0.1", home=root, environment=environment) as one:
        assert one.get("/ping")[0] == 200
        body = {"model_name": "3f2a", "url": str(root / "3f2a" / "model")}
        assert one.get("/models", body)[0] == 200
        answers, stop = [], threading.Event()

        def ask():
            while not stop.is_set():
                answers.append(one.get("/models/3f2a/invoke", {"instances": [ROW]})[0])

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            second = {"model_name": "77c0", "url": str(root / "77c0" / "model")}
            assert one.get("/models", second)[0] == 200
        finally:
            stop.set()
            asking.join()
        assert set(answers) == {200}
        listed = json.loads(one.get("/models")[1])["models"]
        assert [entry["modelName"] for entry in listed] == ["3f2a", "77c0"]


def test_what_is_loaded_at_once_is_loaded_one_by_one(settings, root, monkeypatch):
    at_once, most = 0, 0
    real = several_models._loaded

    def counted(name, stored):
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        try:
            return real(name, stored)
        finally:
            at_once -= 1

    monkeypatch.setattr(several_models, "_loaded", counted)
    application = build(settings, clock=time.time)

    async def both():
        await application.load()
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://run") as client:
            calls = [client.request(m, p, **more) for m, p, more in (load(root, "3f2a"),) * 3]
            return await asyncio.gather(*calls)

    try:
        answers = asyncio.run(both())
    finally:
        asyncio.run(application.close())
    assert sorted(statuses(answers)) == [200, 409, 409]
    assert most == 1

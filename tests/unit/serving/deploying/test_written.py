"""What `serve-app init` writes is valid as it stands, and what it notes is valid too."""

import re
from pathlib import Path

import pandas as pd
import pytest
import yaml
from sklearn.linear_model import LinearRegression

from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import NotFound
from serve_app.registry.store import Registry
from serve_app.serving.checking.validate import validate_text
from serve_app.serving.deploying import declaration
from serve_app.serving.deploying.written import (
    Layout,
    Versions,
    chosen,
    registered_text,
    running_text,
)

CONFIGS = Path(__file__).parents[4] / "configs"


def layout(*, inline):
    return Layout("./registry", "./state", 8000, inline=inline)


@pytest.fixture
def versions(home):
    return chosen(Registry("./registry"))


def test_every_registered_model_that_predicts_gets_an_endpoint(versions):
    names = {one.name for one in versions.predictors}
    assert names >= {"diagnosis-forest", "diagnosis-xgb", "progression-xgb"}
    assert {one.name for one in versions.transformers} >= {"diagnosis-features"}
    text = registered_text(versions, layout(inline=True))
    report = validate_text(text)
    assert report.findings == ()
    assert set(report.endpoints) == names
    assert report.applications == ("gateway", "control", "monitor")


def test_in_replicas_each_version_gets_an_application(versions):
    report = validate_text(registered_text(versions, layout(inline=False)))
    assert report.findings == ()
    wanted = [f"{one.name}-{one.version}" for one in versions.predictors]
    assert list(report.applications) == ["gateway", "control", "monitor", *wanted]


def test_what_is_noted_beside_it_is_valid_where_the_mark_is_taken_away(versions):
    text = registered_text(versions, layout(inline=True))
    for noted in re.findall(r"^ +# (?:default_endpoint|grpc_port|listeners|fallback|schema|cache"
                            r"|timeout_s).*$", text, re.MULTILINE):  # fmt: skip
        changed = text.replace(noted, noted.replace("# ", "", 1))
        assert validate_text(changed).findings == (), noted
    assert len(re.findall(r"^ +# \w+:", text, re.MULTILINE)) >= 8


def test_the_split_that_is_noted_is_one(versions):
    text = registered_text(versions, layout(inline=True))
    start = text.index("# route:")
    lines = text[start:].splitlines()[:4]
    noted = yaml.safe_load("\n".join(line.strip().removeprefix("# ") for line in lines))
    first = versions.predictors[0]
    assert noted["route"]["kind"] == "split"
    assert [one["model"] for one in noted["route"]["variants"]] == [
        f"{first.name}@{first.version}", f"{first.name}@{first.version + 1}",
    ]  # fmt: skip


def test_the_champion_answers_and_else_the_newest(tmp_path):
    store = Registry(str(tmp_path))
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0]})
    for _ in range(3):
        fitted = LinearRegression().fit(frame, [2.0, 4.0, 6.0])
        register(store, Candidate("line", fitted, frame), compile="never")
    assert [one.reference for one in chosen(store).predictors] == ["line@3"]
    store.set_alias("line", "champion", 2, by="me")
    assert [one.reference for one in chosen(store).predictors] == ["line@2"]


def test_pickles_get_replicas_that_may_load_them(versions):
    pickled = versions.predictors[0].model_copy(update={"pickle": True, "compiled": None})
    text = registered_text(Versions((pickled,), ()), layout(inline=True))
    (application,) = yaml.safe_load(text)["applications"][3:]
    assert application["args"]["allow_pickle"] is True
    assert versions.without([pickled.reference]).predictors == versions.predictors[1:]


def test_nothing_registered_is_said():
    with pytest.raises(NotFound, match="no model is registered yet"):
        chosen(Registry("memory://nothing-registered"))


def test_what_runs_is_written_as_it_was_deployed(home):
    given = yaml.safe_load((CONFIGS / "local.yaml").read_text())
    logging = given["logging_config"]
    running = {
        **{key: value for key, value in given.items() if key != "logging_config"},
        "applications": [{**one, "logging_config": logging} for one in given["applications"]],
    }
    text = running_text(running)
    assert yaml.safe_load(text) == given
    assert validate_text(text).findings == ()
    assert declaration.endpoints(yaml.safe_load(text)) == declaration.endpoints(given)

"""The console as strangers, people with few rights and people with lapsed keys meet it."""

import re

import pytest

from serve_app.console.paths import PATHS, PREFIX
from serve_app.core.caller import Caller
from serve_app.core.grants import ACTIONS, grants_of
from serve_app.gateway.access import Gate
from serve_app.gateway.admin.paths import PATHS as ADMIN_PATHS
from serve_app.lifecycle.run_status import TrainingRuns
from serve_app.security.sessions import SESSION_S
from tests.security.callers import FLOODS, KEYS, Known
from tests.unit.console import seeded_runs
from tests.unit.console.seeded import BatchJobs, manifest
from tests.unit.console.visitor import Visitor, text_of
from tests.unit.gateway.admin.actions import Actions

SAMPLES = {"endpoint": "risk", "model": "a", "version": "1", "job": "job-1",
           "run": "churn-r3"}  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
FIELDS = {"reason": "x", "action": "pause", "weight.a@1": "1", "alias": "champion", "version": "2"}
NAMES = re.compile(r"\b(risk|a@1|b@1|champion)\b")


def place(path, **names):
    return PREFIX + path.path.format(**{**SAMPLES, **names})


@pytest.fixture
def known():
    return Known()


class Training(TrainingRuns):
    """Whose runs of training are called as those of retraining."""

    def show(self, name):
        return super().show(name.replace("-r", "-"))

    def cancel(self, name, now_s):
        return super().cancel(name.replace("-r", "-"), now_s)


class Whole(Actions):
    """Whose versions have manifests."""

    async def version(self, model, version):
        return manifest(int(version), name=model)


@pytest.fixture
def actions():
    return Whole()


@pytest.fixture
def visitor(known, actions, tmp_path):
    seeded_runs.training(tmp_path, runs=3, trials=1)
    gate = Gate(known, lambda *_: None)
    return Visitor(
        actions, gate=gate, jobs=BatchJobs(2), training=Training(tmp_path),
        retraining=seeded_runs.retraining(tmp_path, runs=3),
    )  # fmt: skip


def log_in(visitor, key, **more):
    return visitor.send("/console/login", "/console/login", {"key": key, **more})


def test_every_page_needs_what_the_admin_api_needs_for_the_same():
    of_api = {path.handler: path.action for path in ADMIN_PATHS}
    for path in PATHS:
        if path.access == "public":
            assert not path.action
            continue
        assert path.action in ACTIONS
        if path.handler in of_api:
            assert path.action == of_api[path.handler], path
        assert (path.access == "change") == path.action.startswith("admin:"), path
        assert (path.method == "POST") == (path.access in {"change", "ask"}), path


@pytest.mark.parametrize("headers", [{}, {"cookie": "serve_app_session=forged"}])
def test_strangers_are_led_to_the_login_from_everywhere_and_learn_nothing(visitor, headers):
    places = {place(path) for path in PATHS if path.access != "public"}
    for path in (*sorted(places), "/console/nothing", "/console/"):
        for method in METHODS:
            answer = visitor.ask(method, path, headers=headers)
            assert answer.status_code == 303, (method, path)
            assert answer.headers["location"].startswith("/console/login?next=/console")
            assert not answer.content
    for path in PATHS:
        if path.access == "public" and path.method == "GET":
            answer = visitor.get(place(path))
            assert answer.status_code == (303 if "/login/" in path.path else 200)
            assert not NAMES.search(text_of(answer))


def test_programs_that_show_a_wrong_key_are_refused_as_at_the_api(visitor):
    answer = visitor.get("/console", headers={"x-api-key": "wrong"})
    assert answer.status_code == 401
    assert not NAMES.search(answer.text)


def test_a_key_opens_a_session_in_a_cookie_that_no_script_and_no_other_site_gets(visitor):
    answer = log_in(visitor, "k-all", next="/console/models")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/models")
    (cookie,) = [one for one in answer.headers.get_list("set-cookie") if "session" in one]
    for wanted in ("HttpOnly", "SameSite=strict", "Path=/console", f"Max-Age={int(SESSION_S)}"):
        assert wanted in cookie
    assert "k-all" not in cookie
    assert "root" in text_of(visitor.get("/console"))


def test_cookies_are_secure_where_https_is_spoken(known, actions):
    visitor = Visitor(actions, gate=Gate(known, lambda *_: None))
    answer = visitor.get("https://127.0.0.1:8091/console/login")
    assert all("Secure" in one for one in answer.headers.get_list("set-cookie"))
    assert "Secure" not in visitor.get("/console/login").headers.get("set-cookie", "")


def test_a_wrong_key_opens_nothing_and_is_not_repeated(visitor):
    answer = log_in(visitor, "sa_wrong_key")
    assert answer.status_code == 401
    assert "not known here" in text_of(answer)
    assert "sa_wrong_key" not in answer.text
    assert visitor.get("/console").status_code == 303


@pytest.mark.parametrize("key", ["", "a b", "\N{PILE OF POO}", "a\r\nx-api-key: k-all"])
def test_what_can_be_no_key_opens_nothing(visitor, key):
    assert log_in(visitor, key).status_code == 401


def test_guessing_at_the_login_is_slowed_down_as_everywhere(visitor):
    answer = log_in(visitor, FLOODS)
    assert answer.status_code in {429, 503}
    assert answer.headers["retry-after"] == "7"


def test_a_login_needs_the_form_of_this_visit(visitor):
    answer = visitor.ask("POST", "/console/login", data={"key": "k-all", "token": "0" * 64})
    assert answer.status_code == 403
    foreign = log_in(visitor, "k-all")
    assert foreign.status_code == 303
    out = visitor.ask("POST", "/console/logout", data={"token": "0"})
    assert out.status_code == 403


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example", "//evil.example", "/console//evil", "/v1/admin", "/console/../x",
     "/console\\evil", "javascript:alert(1)", "/consoles", "/console/\r\nx: y"],
)  # fmt: skip
def test_after_the_login_nobody_is_led_away(visitor, elsewhere):
    assert log_in(visitor, "k-all", next=elsewhere).headers["location"] == "/console"


def test_a_session_ends_with_its_key_with_its_hour_and_with_the_logout(visitor, known):
    log_in(visitor, "k-all")
    assert visitor.get("/console").status_code == 200
    kept = known._callers.pop(("key", "k-all"))
    assert visitor.get("/console").headers["location"] == "/console/login?next=/console"
    known._callers["key", "k-all"] = kept
    log_in(visitor, "k-all")
    visitor.clock.now_s += SESSION_S
    assert visitor.get("/console").status_code == 303
    log_in(visitor, "k-all")
    left = visitor.send("/console", "/console/logout", {})
    assert left.headers["location"] == "/console/login"
    assert visitor.get("/console").status_code == 303


def test_the_token_of_one_session_does_not_fit_another(visitor):
    log_in(visitor, "k-all")
    token = visitor.token("/console/endpoints/risk")
    log_in(visitor, "k-all")
    fields = {**FIELDS, "token": token}
    answer = visitor.ask("POST", "/console/endpoints/risk/weights", data=fields)
    assert answer.status_code == 403


@pytest.mark.parametrize("who", sorted(KEYS))
def test_pages_show_and_do_what_is_granted_alone(visitor, actions, who):
    log_in(visitor, who)
    caller = KEYS[who]
    token = visitor.sessions.form_token(
        visitor.cookies["serve_app_visit"], visitor.cookies["serve_app_session"]
    )
    for path in PATHS:
        if path.access in {"public", "ask"}:
            continue
        form = {"data": {**FIELDS, "token": token}} if path.method == "POST" else {}
        answer = visitor.ask(path.method, place(path), **form)
        endpoint = "risk" if "{endpoint}" in path.path else None
        if endpoint is None:
            is_allowed = caller.grants.allow_everywhere(path.action)
        else:
            is_allowed = caller.grants.allow(path.action, endpoint)
        assert answer.status_code < 500, path
        assert (answer.status_code in {403, 404}) != is_allowed, (path, answer.status_code)
        if not is_allowed:
            assert not re.search(r"a@1|b@1", answer.text), path


def test_who_makes_a_change_is_who_is_known_and_not_who_they_say(visitor, actions):
    log_in(visitor, "k-all")
    fields = {"weight.a@1": "1", "reason": "x", "by": "somebody else"}
    visitor.send("/console/endpoints/risk", "/console/endpoints/risk/weights", fields)
    (change,) = [one[2] for one in actions.done if isinstance(one, tuple) and one[0] == "risk"]
    assert change.who == "root"


def test_a_part_that_is_not_granted_is_named_and_not_shown(actions):
    known = Known()
    known._callers["key", "k-reads"] = Caller("reader", "", grants_of(["read:metadata"]))
    visitor = Visitor(actions, gate=Gate(known, lambda *_: None))
    log_in(visitor, "k-reads")
    page = visitor.get("/console/endpoints/risk")
    assert page.status_code == 200
    words = text_of(page)
    assert "To see this, reader needs the scope read:audit." in words
    assert "To see this, reader needs the scope read:metrics:risk." in words
    assert "weights set" not in words

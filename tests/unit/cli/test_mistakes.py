"""A mistake at the command line gets one clear message, and never a traceback.

Each line of the table is a mistake, with what its message has to name.
"""

import http.server
import os
import threading
from pathlib import Path

import pytest

from serve_app.cli.main import main
from serve_app.registry.store import Registry
from tests.unit.cli import mistakes

GOOD = ("--data", "t.csv", "--target", "churned")
TO = ("--data", "t.csv", "--url")


def registering(file, *more):
    return ("register", "churn", file, *GOOD, *more)


def with_data(file):
    return ("register", "churn", "m.skops", "--data", file, "--target", "churned")


def lines(*rows):
    return [pytest.param(line, words, id=" ".join(line)[:90]) for line, words in rows]


MODELS = lines(
    *(
        (registering(f"{how}.{kind}"), f"{how}.{kind}")
        for kind in ("skops", "ubj", "json", "txt", "cbm", "onnx")
        for how in ("empty", "garbage", "cut3", "cut6")
    ),
    *(
        (registering(f"{how}.{kind}", "--allow-pickle"), f"{how}.{kind}")
        for kind in ("pkl", "joblib")
        for how in ("empty", "garbage", "cut3", "cut6", "cut9")
    ),
    (registering("cut9.ubj"), "cut9.ubj"),
    (registering("cut9.txt"), "cut9.txt"),
    (registering("m.pkl"), "--allow-pickle"),
    (registering("m.joblib"), "--allow-pickle"),
    (registering("m.docx"), ".skops"),
    (registering("nothing.skops"), "nothing.skops"),
    (registering("folder"), "MLmodel"),
    (registering("folder.skops"), "MLmodel"),
    (registering("t.csv"), "t.csv is none of"),
    (registering("list.json"), "list.json"),
    (registering("list.skops"), "list"),
    (registering("wide.skops"), "'more'"),
    (registering("unnamed.skops"), "2 features"),
    (("register", "churn", "m.skops", "--data", "t.csv"), "'churned'"),
    (("register", "churn", "m.skops"), "--data"),
    (("register", "Churn!", "m.skops", *GOOD), "'Churn!' cannot name a model"),
    (("register", "churn", "mlflow"), "pytorch"),
    (("register", "churn", "mlflow_broken"), "MLmodel"),
)

TABLES = lines(
    *(
        (with_data(f"{how}.{kind}"), f"{how}.{kind}")
        for kind in ("csv", "tsv", "parquet", "feather", "csv.gz", "csv.zip", "csv.bz2", "csv.xz")
        for how in ("empty", "garbage")
    ),
    *((with_data(f"cut.{kind}"), f"cut.{kind}") for kind in ("parquet", "feather", "csv.gz")),
    *((with_data(f"cut.{kind}"), f"cut.{kind}") for kind in ("csv.bz2", "csv.xz")),
    (with_data("sheet.xlsx"), "spreadsheet"),
    (with_data("m.json"), "JSON"),
    (with_data("m.pkl"), "pickle"),
    (with_data("latin.csv"), "UTF-8"),
    (with_data("utf16.csv"), "UTF-8"),
    (with_data("twice.csv"), "'age'"),
    (with_data("ragged.csv"), "line 3"),
    (with_data("semicolons.csv"), "';'"),
    (with_data("headless.csv"), "'churned'"),
    (with_data("header.csv"), "no rows"),
    (with_data("web.csv"), "web.csv"),
    (with_data("narrow.csv"), "'visits'"),
    (with_data("zip.csv"), "--dtypes zip=string"),
    (with_data("unknown.csv"), "'churned' has no value in any of the 40 rows"),
    (with_data("words.csv"), "'old'"),
    (with_data("word.csv"), "'old'"),
    (with_data("infinite.csv"), "infinity"),
    (with_data("m.skops"), "m.skops"),
    (with_data("folder.csv"), "folder.csv"),
    (with_data("nothing.csv"), "nothing.csv"),
    (with_data("x" * 300 + ".csv"), "xxx"),
    (("register", "churn", "m.ubj", "--data", "words.csv", "--target", "churned"), "'age'"),
    (("register", "churn", "m.cbm", "--data", "words.csv", "--target", "churned"), "old"),
    (("register", "churn", "m.txt", "--data", "words.csv", "--target", "churned"), "types"),
    (("register", "churn", "m.skops", "--data", "t.csv", "--target", "left"), "'left'"),
    (("register", "churn", "m.skops", "--data", "t.csv", "--target", ""), "''"),
    (("register", "churn", "m.skops", "--data", "t.csv", "--target", "churned,churned"), "twice"),
)

OPTIONS = lines(
    *((registering("m.skops", "--dtypes", f), f) for f in ("bad.yaml", "bad.json", "list.json")),
    *((registering("m.skops", "--dtypes", f), f) for f in ("tag.yaml", "binary.yaml", "no.yaml")),
    (registering("m.skops", "--dtypes", "types.yaml"), "'age'"),
    (registering("m.skops", "--dtypes", "age"), "'age'"),
    (registering("m.skops", "--dtypes", "age=blob"), "'blob'"),
    (registering("m.skops", "--dtypes", "zip=string"), "'zip'"),
    *((registering("m.skops", "--schema", f), f) for f in ("bad.json", "list.json", "number.json")),
    (registering("m.skops", "--schema", "binary.yaml"), "binary.yaml"),
    (registering("m.skops", "--schema", "column.json"), "'aeg'"),
    (registering("m.skops", "--schema", "no_mapping.json"), "'age'"),
    (registering("m.skops", "--schema", "key.json"), "'min'"),
    (registering("m.skops", "--schema", "bound.json"), "minimum: 'low'"),
    (registering("m.skops", "--schema", "bounds.json"), "the minimum 100"),
    (registering("m.skops", "--schema", "dtype.json"), "blob"),
    (registering("m.skops", "--schema", "categories.json"), "categories: 5"),
    (registering("m.skops", "--schema", "nullable.json"), "nullable: 'maybe'"),
    (registering("m.skops", "--schema", "folder"), "folder"),
    (registering("m.skops", "--code", "syntax.py"), "syntax.py"),
    (registering("m.skops", "--code", "code.txt"), "code.txt"),
    (registering("m.skops", "--code", "folder"), "folder"),
    (registering("m.skops", "--labels", "a,b,c"), "2 classes"),
    (registering("m.skops", "--labels", "a,a"), "'a' twice"),
    (registering("m.skops", "--alias", "Best One"), "'Best One'"),
    (registering("m.skops", "--alias", "1"), "'1'"),
    (registering("m.skops", "--tolerance", "x", "--quantise", "int8"), "'x'"),
    (registering("m.skops", "--quantise", "int4"), "int8"),
    (registering("m.skops", "--quantise", "int8", "--held-out", "garbage.csv"), "garbage.csv"),
    (registering("m.skops", "--quantise", "int8", "--held-out", "narrow.csv"), "'visits'"),
    (registering("m.skops", "--missing", "some"), "'some'"),
    (registering("m.skops", "--missing", "-1"), "XGBoost"),
    (registering("m.ubj", "--iterations", "many"), "--iterations many"),
    (registering("m.ubj", "--iterations", "900"), "900"),
    (registering("m.ubj", "--offset", "exposure"), "'exposure'"),
)

REGISTRIES = lines(
    *(
        (("models", "list", "--registry", url), url)
        for url in ("t.csv", "s4://b/x", "nonsense://x", "http://127.0.0.1:9/x", "zip://nothing")
    ),
    *(
        (registering("m.skops", "--registry", url), url)
        for url in ("t.csv", "s4://b/x", "/proc/nope", "http://127.0.0.1:9/x")
    ),
    (("models", "list", "--registry", ""), "''"),
    (("train-examples", "diagnosis", "--registry", "t.csv"), "t.csv"),
    (("models", "show", "chrun"), "churn"),
    (("models", "show", "churn@7"), "version 7"),
    (("models", "show", "churn@"), "churn@1"),
    (("models", "show", "churn@champion"), "'champion'"),
    (("models", "show", "../../etc"), "../../etc"),
    (("models", "alias", "churn@1", "3"), "'3'"),
    (("models", "alias", "chrun@1", "best"), "'churn'"),
    (("models", "alias", "churn", "best", "--remove"), "'best'"),
    (("models", "verify", "chrun"), "churn"),
    (("models", "verify", "churn@99"), "99"),
    (("models", "delete", "churn@99"), "99"),
    (("models", "delete", "chrun"), "'churn'"),
    (("models", "shwo"), "'show'"),
    (("modles",), "'models'"),
)

STATES = lines(
    *(
        ((*command, "--state", "t.csv"), "t.csv")
        for command in (
            ("status",),
            ("cluster", "status"),
            ("cluster", "stop"),
            ("endpoints", "list"),
            ("feedback",),
            ("predict", "churn", "--data", "t.csv"),
            ("models", "delete", "churn@1"),
        )
    ),
    *(
        ((*command, "--state", state), "serve-app cluster start")
        for state in ("corrupt", "nowhere")
        for command in (
            ("status",),
            ("cluster", "status"),
            ("endpoints", "list"),
            ("endpoints", "show", "churn"),
            ("endpoints", "set-weights", "churn", "churn@1=1"),
            ("predict", "churn", "--data", "t.csv"),
            ("deploy", "number.yaml"),
        )
    ),
    (("feedback", "--state", "corrupt"), "serve-app.db"),
    (("status", "--state", "x" * 300), "xxx"),
)

CONFIGS = lines(
    *(
        (("validate", file), file)
        for file in ("number.yaml", "list.yaml", "empty.yaml", "path.yaml", "bad.yaml", "tag.yaml")
    ),
    (("validate", "binary.yaml"), "UTF-8"),
    (("validate", "garbage.csv"), "garbage.csv"),
    (("validate", "folder"), "folder"),
    (("validate", "nothing.yaml"), "nothing.yaml"),
    (("cluster", "start", "--http-port", "99999"), "99999"),
    (("cluster", "start", "--http-port", "-1"), "-1"),
    (("cluster", "start", "--http-port", "some"), "'some'"),
    (("cluster", "start", "--internal-ports", "70000"), "port 70001"),
    (("endpoints", "set-weights", "churn", "churn@1=much"), "'churn@1=much'"),
    (("endpoints", "set-weights", "churn", "churn@1"), "'churn@1'"),
    (("train-examples", "nothing"), "'nothing'"),
)

ROWS = lines(
    *(
        (("predict", "churn", "--data", file, "--url", "{url}/good"), file)
        for file in (
            "garbage.csv", "empty.csv", "latin.csv", "twice.csv", "ragged.csv", "garbage.parquet",
            "cut.feather", "bad.json", "number.json", "text.json", "lines.jsonl", "m.skops",
            "folder.csv", "nothing.csv", "cut.csv.gz",
        )
    ),
    (("predict", "churn", "--data", "zip.csv", "--url", "{url}/good"), "--dtypes zip=string"),
    (("predict", "churn", *TO, "{url}/good", "--target", "left"), "'left'"),
    (("predict", "churn", *TO, "{url}/good", "--limit", "0"), "--limit"),
    (("predict", "churn", *TO, "{url}/good", "--key", "patient"), "NAME=VALUE"),
    *(
        (("predict", "churn", *TO, "{url}/" + kind), "{url}/" + kind)
        for kind in (
            "binary", "html", "list", "nothing", "object", "short", "failing", "other", "strange",
            "greeting", "good",
        )
    ),
    *(
        (("predict", "churn", *TO, url), url)
        for url in (
            "localhost", "ftp://x", "http://[::1", "http://a:b", "http://127.0.0.1:99999",
            "http://nowhere.invalid", "http://127.0.0.1:9", "http://ex ample",
        )
    ),
)  # fmt: skip

ANSWERS = {
    "binary": b"\x00\xff",
    "html": b"<html>hello</html>",
    "list": b"[]",
    "nothing": b"",
    "object": b"{}",
    "other": b'{"endpoints": 3, "predictions": 4}',
    "strange": b'{"endpoints": [3], "predictions": [1, 2], "variants": 4}',
    "good": b'{"endpoints": [], "predictions": 4}',
}


class Stranger(http.server.BaseHTTPRequestHandler):
    """Answers as no gateway does, as the path says."""

    def do_GET(self):
        kind = self.path.split("/")[1]
        if kind == "greeting":
            self.wfile.write(b"SSH-2.0-OpenSSH\r\n")
            return
        content = ANSWERS.get(kind, b"{}")
        self.send_response(500 if kind == "failing" else 200)
        self.send_header("content-length", str(len(content) + 100 * (kind == "short")))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self):
        self.do_GET()

    def log_message(self, *_):
        """Print nothing."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder full of mistakes, and one good version of churn."""
    path = tmp_path_factory.mktemp("mistakes")
    before = Path.cwd()
    os.chdir(path)
    mistakes.plant()
    with pytest.raises(SystemExit) as ended:
        main(["register", "churn", "m.skops", *GOOD, "--no-evaluate"])
    os.chdir(before)
    assert ended.value.code == 0
    return path


@pytest.fixture(scope="module")
def stranger():
    """The address of a server that answers nonsense."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stranger)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def there(folder, monkeypatch):
    """Work in that folder."""
    monkeypatch.chdir(folder)


@pytest.mark.parametrize(
    ("line", "words"),
    [*MODELS, *TABLES, *OPTIONS, *REGISTRIES, *STATES, *CONFIGS, *ROWS],
)
def test_a_mistake_is_said_in_one_clear_message(serve_app, folder, stranger, line, words):
    said = serve_app(*(part.replace("{url}", stranger) for part in line))
    assert said.code != 0
    assert "Traceback" not in said.err + said.out
    assert words.replace("{url}", stranger) in said.err
    message = said.err.strip().splitlines()[-1] if said.code == 2 else said.err
    assert len(message) < 1500
    assert "--debug" not in message
    assert Registry("./registry").versions("churn") == [1]


def test_what_nobody_expected_is_one_line_that_says_what_was_done(serve_app, monkeypatch):
    def broken(*_):
        raise LookupError("no\nsuch thing")

    monkeypatch.setattr(Registry, "models", broken)
    said = serve_app("models", "list")
    assert said.code == 1
    assert said.err == (
        "error: serve-app models list: LookupError: no such thing; "
        "run it with --debug to see where\n"
    )
    with pytest.raises(LookupError):
        main(["models", "list", "--debug"])


def test_a_target_with_some_gaps_or_one_class_is_registered_with_a_warning(serve_app, folder):
    (folder / "gaps.csv").write_text(
        "age,visits,churned\n" + "".join(f"{n},{n},{'' if n == 3 else n % 2}\n" for n in range(20))
    )
    (folder / "same.csv").write_text(
        "age,visits,churned\n" + "".join(f"{n},{n},1\n" for n in range(20))
    )
    for file, words in (("gaps.csv", "1 of 20 rows"), ("same.csv", "the one value 1")):
        line = ("--data", file, "--target", "churned", "--registry", "other")
        said = serve_app("register", "churn", "m.skops", *line)
        assert said.code == 0
        assert "warning: not evaluated: the target 'churned'" in said.err
        assert words in said.err

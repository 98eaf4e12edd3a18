"""Every dialect with every case: bytes in, columns, bytes out, as they stand in golden files.

`GOLDEN=write python -m pytest tests/golden` writes the files anew; what changed then is in the
difference. What is asserted beside the files holds for all dialects alike.
"""

import gzip
import json
import zlib

import pytest

from tests.golden.gateway import SEVERAL, Gateway, predicted
from tests.golden.goldens import HERE, plain, told
from tests.golden.tables import ACCEPTED, EITHER, REFUSED, TABLES
from tests.golden.writers import WRITERS, Unsayable


@pytest.fixture(scope="module", params=WRITERS)
def dialect(request):
    """A form of a dialect with the gateway whose default endpoint it asks."""
    writer = WRITERS[request.param]
    return request.param, writer, Gateway(default=writer.endpoint)


def written(writer, table):
    try:
        return writer.write(table.only_numbers() if writer.endpoint == "numeric" else table)
    except Unsayable as why:
        pytest.skip(str(why))


def asked(dialect, goldens, name, sent, method="POST"):
    """Send a request, check what always holds, compare with the golden record."""
    known_as, writer, gateway = dialect
    path = writer.path.format(writer.endpoint)
    status, headers, body = gateway.send(method, path, sent.body, sent.headers)
    payload = gateway.predictor.payload
    assert status < 500, body
    if status >= 400:
        assert message_of(headers, body), body
    columns = None if payload is None or payload.rows > 100 else plain(payload.columns)
    goldens.check(
        writer.golden,
        known_as,
        name,
        {
            "request": {
                "path": path,
                "headers": dict(sent.headers),
                **told(sent.body, sent.headers.get("content-type", "")),
            },
            "columns": columns,
            "response": {
                "status": status,
                "content-type": headers.get("content-type", ""),
                **told(body, headers.get("content-type", "")),
            },
        },
    )
    return status, headers, body


def message_of(headers, body):
    """Where each system's clients look for the reason of a refusal."""
    if "json" not in headers["content-type"]:
        return body.decode()
    said = json.loads(body)
    if "errors" in said:
        return said["errors"][0]["message"]
    error = said.get("error")
    if isinstance(error, dict):
        return error["message"]
    status = said.get("status")
    return error or said.get("message") or said.get("detail") or status["info"]


def is_refused(status, headers, body):
    """GraphQL says 200 where a document was executed and a part of it failed."""
    return status >= 400 or b'"errors":[{' in body


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_answered_or_refused_by_all_alike(dialect, goldens, name):
    _, writer, _ = dialect
    table = TABLES[name]
    if writer.endpoint == "numeric" and not table.numeric:
        pytest.skip("of numbers alone")
    sent = written(writer, table)
    answer = asked(dialect, goldens, name, sent)
    expected = writer.expected.get(name, table.expected)
    if expected == EITHER:
        return
    assert is_refused(*answer) == (expected == REFUSED), answer
    if expected == ACCEPTED:
        assert writer.read(answer[1], answer[2]) == predicted(table)


# What these have no form for: a class of each of several targets, or words beside numbers.
UNSAID = {("tf_serving_classify", "multioutput"), ("sagemaker_npy", "multioutput")}


@pytest.mark.parametrize("several", SEVERAL)
def test_answers_about_several_targets(dialect, goldens, several):
    known_as, writer, _ = dialect
    table = TABLES["two_rows"]
    sent = written(writer, table)
    gateway = Gateway(default=writer.endpoint, several=several)
    answer = asked((known_as, writer, gateway), goldens, several, sent)
    assert is_refused(*answer) == ((known_as, several) in UNSAID), answer


def changed(body):
    """What may be wrong with bytes, by name."""
    return {
        "zero_bytes": b"",
        "truncated": body[: len(body) * 2 // 3],
        "invalid_utf8": body.replace("Köln".encode(), b"K\xf6ln").replace(
            rb"K\u00f6ln", b"K\xf6ln"
        ),
        "trailing": body + b"]]}}",
        "noise": bytes(range(256)),
    }


CHANGES = list(changed(b""))


@pytest.mark.parametrize("name", CHANGES)
def test_bytes_that_are_damaged_are_refused(dialect, goldens, name):
    _, writer, _ = dialect
    sent = written(writer, TABLES["one_row"])
    body = changed(sent.body)[name]
    if body == sent.body:
        pytest.skip("nothing of the kind is in there")
    answer = asked(dialect, goldens, name, sent._replace(body=body))
    if writer.text:
        assert is_refused(*answer), answer


@pytest.mark.parametrize("depth", [200, 100_000])
def test_deep_nesting_is_refused(dialect, goldens, depth):
    _, writer, _ = dialect
    if not writer.text:
        pytest.skip("no JSON")
    sent = written(writer, TABLES["one_row"])
    body = sent.body.replace(b"63", b"[" * depth + b"]" * depth)
    answer = asked(dialect, goldens, f"nested_{depth}", sent._replace(body=body))
    assert is_refused(*answer), answer


@pytest.mark.parametrize("body", [b"null", b"[]", b"{}", b"5", b'"text"', b"[[]]", b"[{}]"])
def test_other_json_is_refused_or_has_no_rows(dialect, goldens, body):
    _, writer, _ = dialect
    if not writer.text:
        pytest.skip("no JSON")
    sent = written(writer, TABLES["one_row"])
    answer = asked(dialect, goldens, f"json_{body.decode()}", sent._replace(body=body))
    if not is_refused(*answer):
        assert writer.read(answer[1], answer[2]) == []


def test_of_a_key_that_stands_twice_the_last_counts(dialect, goldens):
    _, writer, _ = dialect
    sent = written(writer, TABLES["one_row"])
    if b'"age": 63' not in sent.body:
        pytest.skip("no such key")
    body = sent.body.replace(b'"age": 63', b'"age": 1, "age": 63')
    answer = asked(dialect, goldens, "key_twice", sent._replace(body=body))
    if not is_refused(*answer):
        assert writer.read(answer[1], answer[2]) == predicted(TABLES["one_row"])


@pytest.mark.parametrize("coding", ["gzip", "deflate", "identity"])
def test_bodies_may_be_compressed(dialect, coding):
    _, writer, gateway = dialect
    sent = written(writer, TABLES["one_row"])
    bodies = {"gzip": gzip.compress, "deflate": zlib.compress, "identity": bytes}
    headers = {**sent.headers, "content-encoding": coding}
    path = writer.path.format(writer.endpoint)
    answer = gateway.send("POST", path, bodies[coding](sent.body), headers)
    assert answer[0] == 200, answer
    assert writer.read(answer[1], answer[2]) == predicted(TABLES["one_row"])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-encoding": "gzip"}, 400),
        ({"content-encoding": "br"}, 415),
        ({"content-type": "application/json; charset=latin-1"}, 415),
    ],
)
def test_codings_that_are_not_what_they_say_are_refused(dialect, headers, status):
    _, writer, gateway = dialect
    sent = written(writer, TABLES["one_row"])
    path = writer.path.format(writer.endpoint)
    answer = gateway.send("POST", path, sent.body, {**sent.headers, **headers})
    assert answer[0] == status, answer
    assert message_of(answer[1], answer[2])


@pytest.mark.parametrize(
    "kind", ["", "image/png", "Application/JSON", "application/json;charset=UTF-8", "nonsense"]
)
def test_whatever_the_content_type_says_nobody_fails(dialect, goldens, kind):
    _, writer, _ = dialect
    sent = written(writer, TABLES["one_row"])
    headers = {**sent.headers, "content-type": kind}
    if not kind:
        del headers["content-type"]
    answer = asked(dialect, goldens, f"type_{kind or 'none'}", sent._replace(headers=headers))
    if kind.lower().startswith("application/json") and writer.text:
        assert not is_refused(*answer), answer
    if not is_refused(*answer):
        assert writer.read(answer[1], answer[2]) == predicted(TABLES["one_row"])


@pytest.mark.parametrize("length", ["-1", "x", "0", "5", "99999", "99999999999999999999"])
def test_a_header_length_that_lies_is_refused(goldens, length):
    writer = WRITERS["oip_v2_binary"]
    sent = writer.write(TABLES["one_row"])
    headers = {**sent.headers, "inference-header-content-length": length}
    dialect = ("oip_v2_binary", writer, Gateway())
    answer = asked(dialect, goldens, f"header_length_{length}", sent._replace(headers=headers))
    assert answer[0] == 400


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_other_methods_are_refused_or_tell_of_the_path(dialect, method):
    _, writer, gateway = dialect
    path = writer.path.format(writer.endpoint)
    status, headers, body = gateway.send(method, path, b"", {})
    assert status in {200, 400, 404, 405}, body
    if status == 405:
        assert "POST" in headers["allow"]


def test_names_may_be_percent_encoded(dialect):
    _, writer, gateway = dialect
    if "{}" not in writer.path:
        pytest.skip("no name in the path")
    sent = written(writer, TABLES["one_row"])
    name = "".join(f"%{ord(letter):02x}" for letter in writer.endpoint)
    answer = gateway.send("POST", writer.path.format(name), sent.body, sent.headers)
    assert answer[0] == 200, answer
    assert writer.read(answer[1], answer[2]) == predicted(TABLES["one_row"])


@pytest.mark.parametrize("name", ["a%2Fb", "%2e%2e", "%00", "%ff", "nobody", "x" * 5000])
def test_names_of_nobody_are_not_found(dialect, name):
    _, writer, gateway = dialect
    if "{}" not in writer.path:
        pytest.skip("no name in the path")
    sent = written(writer, TABLES["one_row"])
    status, headers, body = gateway.send("POST", writer.path.format(name), sent.body, sent.headers)
    assert status in {400, 404, 405}, body
    assert message_of(headers, body)


def test_a_slash_too_many_leads_to_the_path_or_nowhere(dialect):
    _, writer, gateway = dialect
    sent = written(writer, TABLES["one_row"])
    path = writer.path.format(writer.endpoint) + "/"
    status, headers, body = gateway.send("POST", path, sent.body, sent.headers)
    if status == 200:
        assert writer.read(headers, body) == predicted(TABLES["one_row"])
    else:
        assert status in {400, 404, 405}


def test_every_golden_folder_has_a_writer():
    folders = {path.parent.name for path in HERE.glob("*/cases.json")}
    assert folders == {*(writer.golden for writer in WRITERS.values()), "oip_grpc"}

"""The protocol's own part of the OpenAPI document, of all endpoints and of one."""

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

PLACES = ("", "/oip", "/kserve")


@pytest.fixture(params=PLACES)
def place(request):
    return request.param


def test_the_data_plane_has_the_protocols_paths_and_what_they_refer_to(client, place):
    document = client.get(f"{place}/v2/docs/dataplane.json").json()
    OpenAPIV31SpecValidator(document).validate()
    assert set(document["paths"]) == {
        "/v2",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/{endpoint}",
        "/v2/models/{endpoint}/ready",
        *(f"/v2/models/{name}/infer" for name in ("risk", "age", "both")),
    }
    assert "risk.InferRequest" in document["components"]["schemas"]
    assert "risk.Request" not in document["components"]["schemas"]


@pytest.mark.parametrize("version", ["", "/versions/logistic@1"])
def test_that_of_a_model_is_about_it_alone(client, place, version):
    at = f"/v2/models/risk{version}"
    document = client.get(f"{place}{at}/docs/dataplane.json").json()
    OpenAPIV31SpecValidator(document).validate()
    assert set(document["paths"]) == {at, f"{at}/ready", f"{at}/infer"}
    for path, item in document["paths"].items():
        if "get" in item:
            assert client.get(f"{place}{path}").status_code == 200
    post = document["paths"][f"{at}/infer"]["post"]["requestBody"]["content"]["application/json"]
    answer = client.send("POST", f"{place}{at}/infer", json=post["example"])
    schema = {**document, "$ref": "#/components/schemas/InferAnswer"}
    jsonschema.validate(answer.json(), schema)
    assert answer.status_code == 200
    assert [one["name"] for one in document["x-endpoints"]] == ["risk"]


@pytest.mark.parametrize("model", ["", "/models/age", "/models/age/versions/1"])
def test_a_page_shows_it_and_asks_by_nothing_else(client, place, model):
    path = f"/v2{model}/docs"
    answer = client.get(f"{place}{path}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert f'href="{place}{path}/dataplane.json"' in answer.text
    infer = "/v2/models/age/infer" if "versions" not in path else "/v2/models/age/versions/1/infer"
    assert f'data-path="{infer}"' in answer.text
    assert ":predict" not in answer.text


@pytest.mark.parametrize("page", ["docs", "docs/dataplane.json"])
@pytest.mark.parametrize("model", ["nobody", "age/versions/7"])
def test_there_is_none_of_what_is_not_there(client, place, model, page):
    answer = client.get(f"{place}/v2/models/{model}/{page}")
    assert answer.status_code == 404
    assert model.partition("/")[0] in answer.json()["error"]

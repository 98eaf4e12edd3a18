"""MLflow's client of scoring servers, unmodified."""

import math

import pytest

from serve_app import __version__
from tests.clients.foreign import Raised

SCRIPT = "mlflow_calls.py"
FORMS = ["frame", "ndarray", "list", "records"]


def test_the_server_is_waited_for_and_says_its_version(call, served):
    assert call("wait", place=served.http, timeout=20) == __version__


@pytest.mark.parametrize("form", FORMS)
def test_rows_in_every_form_get_the_models_predictions(call, served, head, model, form):
    answer = call(
        "invoke", place=served.http, rows=head.to_dict("records"), form=form, like="ndarray"
    )
    assert answer == model.values.tolist()


@pytest.mark.parametrize("form", FORMS)
def test_params_ask_for_probabilities(call, served, head, model, form):
    answer = call(
        "invoke",
        place=served.http,
        rows=head.to_dict("records"),
        form=form,
        params={"predict_method": "predict_proba"},
    )
    assert answer == model.probabilities.tolist()


def test_a_frame_may_have_its_columns_in_any_order(call, served, head, model):
    turned = head[["dose", "age"]].to_dict("records")
    answer = call("invoke", place=served.http, rows=turned)
    assert answer == [[label] for label in model.values.tolist()]


@pytest.mark.parametrize(
    ("changed", "params", "said"),
    [
        ({"dose": None}, None, r"error code 400.*dose"),
        ({"dose": math.nan}, None, r"error code 400.*row 0, column 'dose'"),
        ({"dose": "much"}, None, r"error code 400.*much"),
        ({}, {"predict_method": "guess"}, r"error code 400.*guess"),
    ],
)
def test_what_does_not_fit_is_said(call, served, head, changed, params, said):
    first, *others = head.to_dict("records")
    rows = [{**first, **changed}, *others]
    with pytest.raises(Raised, match=said):
        call("invoke", place=served.http, rows=rows, params=params)

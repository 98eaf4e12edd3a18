"""All gateways of a cluster know whose a prediction is, and those that come later too."""

from serve_app.core.caller import Caller
from serve_app.core.identifiers import PredictionIds
from serve_app.engine.predict import Predictor
from serve_app.serving.owned_predictions import mark_predictions

ADA, BOB = Caller("ada", "a"), Caller("bob", "b")


def predictor():
    return Predictor(clock=lambda: 0.0, ids=PredictionIds())


async def test_what_one_gateway_gave_another_one_knows(tmp_path):
    one, other, elsewhere = predictor(), predictor(), predictor()
    await mark_predictions(one, str(tmp_path / "state"))
    await mark_predictions(other, str(tmp_path / "state"))
    await mark_predictions(elsewhere, str(tmp_path / "another"))
    given = one._id_for(ADA)
    assert one.gave(given, ADA)
    assert other.gave(given, ADA)
    assert not other.gave(given, BOB)
    assert not elsewhere.gave(given, ADA)


def test_where_nobody_is_known_everybody_was_given_everything():
    assert predictor().gave("whatever", BOB)

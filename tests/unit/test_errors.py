"""The error tree survives process borders and tells callers what to do."""

import pickle

import cloudpickle
import pytest
from ray.exceptions import RayTaskError

from serve_app import errors

ALL = [getattr(errors, name) for name in errors.__all__]


@pytest.mark.parametrize("kind", ALL)
def test_an_error_survives_pickling_with_its_message_and_details(kind):
    error = kind("row 3 is wrong", row=3, known=["a", "b"])
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert (again.message, again.details, again.code) == (error.message, error.details, error.code)


@pytest.mark.parametrize("kind", ALL)
def test_an_error_survives_the_wrapper_of_ray(kind):
    wrapped = RayTaskError("predict", "remote traceback", kind("no", row=3)).as_instanceof_cause()
    again = cloudpickle.loads(cloudpickle.dumps(wrapped))
    assert isinstance(again, kind)
    assert again.cause.message == "no"
    assert again.cause.details == {"row": 3}


def test_every_error_is_listed_and_has_a_code():
    listed = {kind.__name__ for kind in ALL}
    found = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.ServeError)
    }
    assert listed == found
    assert sorted(errors.__all__) == list(errors.__all__)
    assert all(kind.code for kind in ALL)

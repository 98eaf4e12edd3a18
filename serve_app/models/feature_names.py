"""Which columns an estimator was fitted on, by name, and data put in that order.

Libraries keep the names in different places, and not all of them look at the names of what
they are given later: LightGBM goes by position whatever a frame says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from serve_app.errors import InvalidInput

_SEVERAL = 5
"""How many names an error lists."""
_INVENTED = {
    "catboost": re.compile(r"\d+"),
    "lightgbm": re.compile(r"Column_\d+"),
    "xgboost": re.compile(r"f\d+"),
}
"""The names that a library makes up itself when it is given a matrix."""


def known_names(estimator: Any) -> tuple[str, ...] | None:
    """The names of the columns that an estimator was fitted on; none where it knows none.

    Of a Pipeline they are those of its first step.
    """
    own = _own_names(estimator)
    if own is not None:
        return own
    for step in _steps(estimator)[:1]:
        return known_names(step)
    best = getattr(estimator, "best_estimator_", None)
    return None if best is None else known_names(best)


def bound(estimator: Any, frame: pd.DataFrame) -> pd.DataFrame:
    """The columns of a frame in the order in which an estimator knows them.

    A frame comes back as it is where the estimator knows no names.

    Raises:
        InvalidInput: a column that it was fitted on is missing, or one is there besides.
    """
    names = known_names(estimator)
    if names is None:
        names = _names_of_a_later_step(estimator, frame)
    if names is None:
        return frame
    columns = [str(name) for name in frame.columns]
    places = _matched(names, columns, underscores=_holds_lightgbm(estimator))
    return arranged(frame, names, places, elsewhere="name the target")


def arranged(
    frame: pd.DataFrame, names: Sequence[str], places: Sequence[int | None], *, elsewhere: str
) -> pd.DataFrame:
    """The columns of a frame by names; `places` says where each stands, None for nowhere.

    `elsewhere` says what a column that is none of them may be beside too much.

    Raises:
        InvalidInput: one of them is missing, or one is there besides.
    """
    lacking = [name for name, position in zip(names, places, strict=True) if position is None]
    besides = [str(name) for at, name in enumerate(frame.columns) if at not in set(places)]
    if lacking:
        msg = f"the model was trained on {_columns(lacking)}, which the data does not have"
        if besides:
            msg += f"; the data has {_columns(besides)}, which the model was not trained on"
        raise InvalidInput(msg, columns=lacking)
    if besides:
        msg = (
            f"the data has {_columns(besides)}, which the model was not trained on; leave "
            f"{'them' if len(besides) > 1 else 'it'} out, or {elsewhere}"
        )
        raise InvalidInput(msg, columns=besides)
    order = [position for position in places if position is not None]
    return frame if order == list(range(len(order))) else frame.iloc[:, order]


def knows_names(estimator: Any, frame: pd.DataFrame) -> bool:
    """Whether an estimator, or a step that the columns of the data reach, knows them by name."""
    return (
        known_names(estimator) is not None or _names_of_a_later_step(estimator, frame) is not None
    )


def _names_of_a_later_step(estimator: Any, frame: pd.DataFrame) -> tuple[str, ...] | None:
    """The names that a later step of a Pipeline knows, where they are those of the data.

    So the steps before it hand the columns on as they come, and order is all they could change.
    """
    columns = {str(name) for name in frame.columns}
    for step in _flat(estimator):
        names = _own_names(step)
        if names is not None:
            return names if set(names) == columns else None
    return None


def _flat(estimator: Any) -> Iterator[Any]:
    """The innermost steps of a Pipeline in their order."""
    steps = _steps(estimator)
    if not steps:
        yield estimator
    for step in steps:
        yield from _flat(step)


def _steps(estimator: Any) -> list[Any]:
    named = getattr(estimator, "steps", None)
    if not isinstance(named, list):
        return []
    return [step for _, step in named if step is not None and not isinstance(step, str)]


def _own_names(estimator: Any) -> tuple[str, ...] | None:
    library = _library(estimator)
    if library == "catboost":
        own = getattr(estimator, "feature_names_", None)
    elif library == "lightgbm":
        own = getattr(estimator, "feature_name_", None) or _called(estimator, "feature_name")
    elif library == "xgboost" and not hasattr(estimator, "get_params"):
        own = estimator.feature_names
    else:
        own = getattr(estimator, "feature_names_in_", None)
    if own is None or len(own) == 0:
        return None
    names = tuple(str(name) for name in own)
    invented = _INVENTED.get(library)
    if invented is not None and all(invented.fullmatch(name) for name in names):
        return None
    return names


def _called(estimator: Any, name: str) -> Any:
    method = getattr(estimator, name, None)
    return method() if callable(method) else None


def _library(estimator: Any) -> str:
    """The library whose class an estimator is, or which it descends from."""
    modules = [cls.__module__.partition(".")[0] for cls in type(estimator).__mro__]
    return next((name for name in modules if name in {"catboost", "lightgbm", "xgboost"}), "")


def _holds_lightgbm(estimator: Any) -> bool:
    """Whether the names of an estimator may be those of a LightGBM model in it."""
    if _library(estimator) == "lightgbm":
        return True
    fitted = [getattr(estimator, name, None) for name in ("best_estimator_", "estimator_")]
    listed = getattr(estimator, "estimators_", None)
    fitted += list(listed)[:1] if isinstance(listed, list | tuple) else []
    folds = getattr(estimator, "calibrated_classifiers_", None) or ()
    fitted += [fold.estimator for fold in folds[:1]]
    return any(_holds_lightgbm(one) for one in (*_steps(estimator), *fitted) if one is not None)


def _matched(
    names: Sequence[str], columns: Sequence[str], *, underscores: bool
) -> list[int | None]:
    """Where in the data each of the names stands."""
    if underscores and not set(names) <= set(columns):
        # It writes `_` for what its files cannot hold in a name.
        written = [re.sub(r"\s", "_", name) for name in columns]
        if len(set(written)) == len(written):
            columns = written
    places = {name: position for position, name in enumerate(columns)}
    return [places.get(name) for name in names]


def _columns(names: Sequence[str]) -> str:
    listed = ", ".join(repr(name) for name in names[:_SEVERAL])
    more = f" and {len(names) - _SEVERAL} more" if len(names) > _SEVERAL else ""
    return f"the column{'s' if len(names) > 1 else ''} {listed}{more}"

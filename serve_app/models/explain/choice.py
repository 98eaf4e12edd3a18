"""How a version is explained: the first way whose parts add up to what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from serve_app.core.columns import Array, Columns
from serve_app.core.explanation import Explanation, ExplanationMethod, Space
from serve_app.core.messages import Prediction
from serve_app.core.ports import Model
from serve_app.core.signature import Output, Signature
from serve_app.errors import InvalidInput, ModelFailed, RowsRefused, ServeError
from serve_app.models.attributed import Attributed
from serve_app.models.explain.sampled import Walks, starts_for
from serve_app.models.explain.terms import Terms, classes_of, likelihoods, terms_of

Attribute = Callable[[Columns], Attributed]
Background = Callable[[int], Columns | None]
"""So many rows like those of training; none where nothing is known of them."""
LINEAR_ROWS = 256


@dataclass(frozen=True, slots=True)
class Explainer:
    """Explains rows in one way."""

    method: ExplanationMethod
    attribute: Attribute
    terms: Terms
    features: tuple[str, ...]

    def explain(self, columns: Columns) -> Explanation:
        """Explain every row; raises as the model does."""
        parts = self.attribute(columns)
        return Explanation(
            self.features,
            parts.contributions,
            np.array(parts.base),
            (self.method,),
            self.terms.space,
            self.terms.classes,
        )


def explainer_of(
    native: Model | None,
    served: Model,
    signature: Signature,
    background: Background,
    sample: Columns | None,
) -> Explainer:
    """What explains a version: exactly, by its library's own form, or by asking what is served.

    There is no `native` form where it was not stored or may not be loaded. `sample` are rows that
    the version has answered.

    Raises:
        InvalidInput: it cannot be explained; says why and what to do.
    """
    output = signature.output
    require_explainable(output)
    exact = _proven(native, signature, background, sample, forests=True)
    if exact is not None:
        return exact
    if native is not None and sample is None:
        unproven = _of_trees_alone(native, signature)
        if unproven is not None:
            return unproven
    rows = background(starts_for(len(signature.names)))
    if rows is None:
        msg = (
            "this version cannot be explained: nothing is known of its training data, against "
            "which a row could be held; register it again with its data"
        )
        raise InvalidInput(msg)
    return _sampled(served, output, rows, signature.names)


def quick_explainer_of(
    native: Model, signature: Signature, background: Background, sample: Columns
) -> Explainer | None:
    """What explains a version as `explainer_of` would, where that is exact and quick, else none.

    Those are lines, and trees whose own library takes them apart.
    """
    try:
        require_explainable(signature.output)
        return _proven(native, signature, background, sample, forests=False)
    except (InvalidInput, ModelFailed, RowsRefused):
        return None


def _proven(
    native: Model | None,
    signature: Signature,
    background: Background,
    sample: Columns | None,
    *,
    forests: bool,
) -> Explainer | None:
    """The first exact way whose parts add up to what the model says of the sample."""
    if native is None or sample is None or not sample.rows:
        return None
    output = signature.output
    prediction = _answered(native, sample, output)
    for method, attribute in _exact(native, len(signature.names), background, forests=forests):
        terms = _terms(attribute, sample, prediction, output)
        if terms is not None:
            return Explainer(method, attribute, terms, signature.names)
    return None


def _of_trees_alone(native: Model, signature: Signature) -> Explainer | None:
    """Trees without any data: they know enough themselves, of what their raw scores are made."""
    own = getattr(native, "contributions", None)
    classes = classes_of(signature.output, signature.output.scores_width)
    nothing = Columns.of({one.name: np.zeros(1, one.array_dtype) for one in signature.inputs})
    if own is None or classes is None or _tried(partial(own, nothing)) is None:
        return None
    return Explainer("tree_shap", own, Terms("raw_score", classes), signature.names)


def require_explainable(output: Output) -> None:
    """Refuse what has no outputs that could be explained.

    Raises:
        InvalidInput: it is a transformer, a graph of tensors, or gives classes without any numbers.
    """
    if output.kind == "transform":
        raise InvalidInput("a transformer gives features and predicts nothing to be explained")
    if output.kind == "tensors":
        raise InvalidInput("the named outputs of a graph cannot be explained; ask for :predict")
    if output.kind == "multioutput":
        msg = "classes of several targets cannot be explained yet; serve a model for each target"
        raise InvalidInput(msg)
    if output.kind != "regression" and not output.probabilities and not output.raw_scores:
        msg = (
            "this version gives classes without probabilities or raw scores, so that there is no "
            "number that features could add up to; register a model that gives probabilities, "
            "such as one in a CalibratedClassifierCV"
        )
        raise InvalidInput(msg)


def _exact(
    native: Model, columns: int, background: Background, *, forests: bool
) -> Iterator[tuple[ExplanationMethod, Attribute]]:
    """The exact ways that a model may be explained in; each is still to be proven."""
    own = getattr(native, "contributions", None)
    if own is not None:
        yield "tree_shap", own
        return
    from serve_app.models.sklearn import SklearnModel  # noqa: PLC0415 - its library is large

    if not isinstance(native, SklearnModel):
        return
    from serve_app.models.explain.linear import of_lines  # noqa: PLC0415 - likewise
    from serve_app.models.explain.steps import steps_of  # noqa: PLC0415
    from serve_app.models.explain.trees import of_trees  # noqa: PLC0415

    steps = steps_of(native, columns)
    if steps is None:
        return
    trees = _tried(partial(of_trees, steps))
    if trees is not None:
        yield "tree_shap", trees
    if forests:
        from serve_app.models.explain.forests import of_forests  # noqa: PLC0415

        trees = _tried(partial(of_forests, steps))
        if trees is not None:
            yield "tree_shap", trees
    rows = background(LINEAR_ROWS)
    lines = None if rows is None else _tried(lambda: of_lines(steps, rows))
    if lines is not None:
        yield "linear", lines


def _terms(
    attribute: Attribute, sample: Columns, prediction: Prediction, output: Output
) -> Terms | None:
    """In which terms a way explains the sample; None where it does not add up, or fails."""
    parts = _tried(lambda: attribute(sample))
    if parts is None:
        return None
    return terms_of(parts.base + parts.contributions.sum(axis=1), prediction, output)


def _tried(make: Callable[[], Any]) -> Any:
    """What is made; None where a library refuses, whatever it raises."""
    try:
        return make()
    except Exception:  # noqa: BLE001 - there is another way
        return None


def _answered(model: Model, rows: Columns, output: Output) -> Prediction:
    """What a model says of rows, with its raw scores where it gives some."""
    if output.raw_scores:
        try:
            return model.predict_with_scores(rows)
        except ServeError:
            pass
    return model.predict(rows)


def _sampled(
    served: Model, output: Output, background: Columns, names: tuple[str, ...]
) -> Explainer:
    def compute(columns: Columns) -> Array:
        if output.kind == "regression":
            return served.predict(columns).values.reshape(columns.rows, -1)
        if output.probabilities:
            shares = likelihoods(served.predict(columns), _width(output))
            assert shares is not None  # noqa: S101 - the signature says so
            return shares
        scores = served.predict_with_scores(columns).scores
        assert scores is not None  # noqa: S101 - the signature says so
        return scores.reshape(columns.rows, -1)

    walks = Walks(compute, background)
    space: Space = "value" if output.kind == "regression" else "probability"
    if output.kind != "regression" and not output.probabilities:
        space = "raw_score"
    width = output.width if output.kind == "regression" else _width(output)
    classes = classes_of(output, width)
    return Explainer("shap_sampled", walks, Terms(space, classes or ()), names)


def _width(output: Output) -> int:
    """How many outputs are explained of classes: one where two probabilities say the same."""
    if output.kind == "classification" and not output.probabilities:
        return output.scores_width
    return 1 if len(output.labels) == 2 else output.shares

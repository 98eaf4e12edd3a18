"""Terms are counted as scikit-learn counts them, of any text."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

from serve_app.core.columns import Columns
from serve_app.core.signature import Column
from serve_app.models.compiled.operation import Refused
from serve_app.models.convert.dispatch import Given, transformer

TRAINED = [
    "The cat sat",
    "on  the\tmat",
    "Élan, élan!",
    "x y z",
    "İstanbul straße",
    "a b a-b",
    "x-y-z-b-",
    "",
]
TEXT = Given(1, (Column("text", "string", frame_dtype="str"),))


def columns(texts):
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    return Columns.of({"text": array})


def counted(texts, **settings):
    """The counts here and there."""
    model = CountVectorizer(**settings).fit(TRAINED)
    operation, _ = transformer(model, TEXT)
    return operation(columns(texts)), model.transform(texts).toarray()


WAYS = st.fixed_dictionaries(
    {
        "analyzer": st.sampled_from(["word", "char", "char_wb"]),
        "ngram_range": st.sampled_from([(1, 1), (1, 2), (2, 3), (2, 5)]),
        "lowercase": st.booleans(),
        "strip_accents": st.sampled_from([None, "unicode", "ascii"]),
        "binary": st.booleans(),
        "stop_words": st.sampled_from([None, ["the", "a"]]),
        "token_pattern": st.sampled_from([r"(?u)\b\w\w+\b", r"(?u)\b\w+\b", r"(\w)-"]),
    }
)
ANY_TEXT = st.text(st.sampled_from("aAbtheÉéİßxyz ,.-\t\n0"))


@pytest.mark.filterwarnings("ignore:The parameter:UserWarning", "ignore:Your stop_words")
@settings(max_examples=200, deadline=None)
@given(texts=st.lists(ANY_TEXT, min_size=1, max_size=4), ways=WAYS)
def test_any_text_is_counted_alike(texts, ways):
    ours, theirs = counted(texts, **ways)
    assert ours.dtype == theirs.dtype
    assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize("norm", ["l1", "l2", None])
@pytest.mark.parametrize("logs", [True, False])
@pytest.mark.parametrize("rare", [True, False])
def test_counts_are_weighed_to_the_last_bit(norm, logs, rare):
    counts = CountVectorizer(analyzer="char").fit_transform(TRAINED)
    model = TfidfTransformer(norm=norm, sublinear_tf=logs, use_idf=rare).fit(counts)
    operation, _ = transformer(model, Given(counts.shape[1], sparse=True))
    wanted = model.transform(counts).toarray()
    assert operation(counts.toarray()).tobytes() == np.ascontiguousarray(wanted).tobytes()


def test_a_missing_text_is_refused():
    operation, _ = transformer(CountVectorizer().fit(TRAINED), TEXT)
    with pytest.raises(Refused):
        operation(columns(["the cat", None]))

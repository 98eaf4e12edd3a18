"""Converts what counts the terms of texts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer

from serve_app.models.compiled.arithmetic import AsFloat
from serve_app.models.compiled.operation import Operation, chain
from serve_app.models.compiled.texts import Terms, TermWeights
from serve_app.models.convert.dispatch import (
    Given,
    Inconvertible,
    as_array,
    screened,
    transforms,
)

Converted = tuple[Operation, Given]
MAX_TERMS = 20_000
"""More terms than that are quicker as the sparse matrix that the library makes of them."""


@transforms(CountVectorizer)
def _counts(vectorizer: Any, given: Given) -> Converted:
    terms = _terms(vectorizer, given)
    return terms, _wide(given, len(terms.terms))


@transforms(TfidfVectorizer)
def _weighed(vectorizer: Any, given: Given) -> Converted:
    terms = _terms(vectorizer, given)
    return chain(terms, _weights(vectorizer._tfidf)), _wide(given, len(terms.terms))


@transforms(TfidfTransformer)
def _weighed_counts(transformer: Any, given: Given) -> Converted:
    operation = chain(screened(given), AsFloat(), _weights(transformer))
    return operation, _wide(given, given.width)


def _wide(given: Given, width: int) -> Given:
    return replace(given.matrix(width, screened=True), sparse=True)


def _weights(transformer: Any) -> Operation:
    rarity = as_array(transformer.idf_) if transformer.use_idf else None
    return TermWeights(rarity, bool(transformer.sublinear_tf), transformer.norm or "")


def _terms(vectorizer: Any, given: Given) -> Terms:
    kind = type(vectorizer).__name__
    columns = given.columns
    if columns is None or len(columns) != 1 or columns[0].dtype != "string":
        msg = f"a {kind} is given something else than one column of text"
        raise Inconvertible(msg)
    own = (vectorizer.preprocessor, vectorizer.tokenizer)
    callables = (vectorizer.analyzer, vectorizer.strip_accents)
    if any(one is not None for one in own) or any(callable(one) for one in callables):
        msg = f"a {kind} runs code of its own"
        raise Inconvertible(msg)
    if vectorizer.input != "content" or columns[0].frame_dtype == "category":
        msg = f"a {kind} reads files or categories"
        raise Inconvertible(msg)
    vocabulary = vectorizer.vocabulary_
    if len(vocabulary) > MAX_TERMS:
        msg = f"a {kind} knows more than {MAX_TERMS:,} terms"
        raise Inconvertible(msg)
    if sorted(vocabulary.values()) != list(range(len(vocabulary))):
        msg = f"a {kind} was given places for its terms"
        raise Inconvertible(msg)
    by_word = vectorizer.analyzer == "word"
    left_out = vectorizer.get_stop_words() if by_word else None
    shortest, longest = vectorizer.ngram_range
    return Terms(
        terms=tuple(str(term) for term in sorted(vocabulary, key=vocabulary.__getitem__)),
        unit=vectorizer.analyzer,
        pattern=vectorizer.token_pattern if by_word else "",
        shortest=int(shortest),
        longest=int(longest),
        lower=bool(vectorizer.lowercase),
        accents=vectorizer.strip_accents or "",
        left_out=tuple(sorted(left_out or ())),
        once=bool(vectorizer.binary),
        dtype=np.dtype(vectorizer.dtype).name,
    )

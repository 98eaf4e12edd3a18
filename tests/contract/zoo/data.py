"""Small tables like those that people bring: customers, houses, counts, categories, texts."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

ROWS = 160


@dataclass(frozen=True)
class Table:
    """Rows with what may be predicted of them, and rows at the edges of what training saw."""

    frame: pd.DataFrame
    targets: dict = field(default_factory=dict)
    edges: pd.DataFrame | None = None


def _targets(score, rng):
    noisy = score + rng.normal(0, 0.3 * score.std(), len(score))
    cuts = np.quantile(noisy, [0.33, 0.66])
    two = (noisy > np.median(noisy)).astype(int)
    three = np.digitize(noisy, cuts)
    return {
        "two": two,
        "words": np.where(two == 1, "stays", "leaves").astype(object),
        "three": three,
        "kinds": np.array(["low", "mid", "high"], dtype=object)[three],
        "value": noisy,
        "positive": np.exp(noisy / noisy.std()),
        "counts": np.maximum(0, np.round(3 * noisy / noisy.std() + 4)).astype(int),
        "values": np.column_stack([noisy, -2 * noisy + 1]),
        "flags": np.column_stack(
            [two, (noisy > cuts[1]).astype(int), (noisy < cuts[0]).astype(int)]
        ),
    }


def customers():
    """Numbers with gaps, whole numbers, truth values, words with gaps."""
    rng = np.random.default_rng(21)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 90, ROWS).astype(float),
            "income": rng.lognormal(10, 0.6, ROWS).round(2),
            "visits": rng.integers(0, 40, ROWS),
            "active": rng.random(ROWS) < 0.6,
            "plan": pd.Series(rng.choice(["basic", "plus", "pro"], ROWS), dtype="str"),
            "region": pd.Series(
                rng.choice(["north", "south", "east", "west", "isles"], ROWS), dtype="str"
            ),
        }
    )
    frame.loc[rng.random(ROWS) < 0.1, "age"] = np.nan
    frame.loc[rng.random(ROWS) < 0.1, "region"] = None
    score = (
        frame["visits"] / 10
        + frame["active"]
        + (frame["plan"] == "pro")
        - frame["age"].fillna(50) / 40
    )
    edges = frame.head(6).copy()
    edges["age"] = [np.nan, 0.0, -1e9, 1e300, 18.0, 17.999999999]
    edges["income"] = [0.0, 1e-300, -5.0, 1e12, 22026.47, 1.0]
    edges["plan"] = ["basic", "unheard of", "", "PRO", "plus", "pro "]
    edges["region"] = [None, "north", "isles", "nowhere", None, "ünïcödé"]
    return Table(frame, _targets(score, rng), edges)


def houses():
    """Numbers alone, some skewed, some equal in many rows."""
    rng = np.random.default_rng(22)
    frame = pd.DataFrame(
        {
            "area": rng.gamma(4, 30, ROWS).round(1),
            "rooms": rng.integers(1, 9, ROWS).astype(float),
            "year": rng.integers(1900, 2024, ROWS).astype(float),
            "lot": rng.lognormal(6, 1, ROWS).round(1),
            "north": rng.normal(0, 1, ROWS),
            "east": rng.normal(0, 1, ROWS),
        }
    )
    score = (
        np.log(frame["area"]) + frame["rooms"] / 5 + frame["north"] ** 2 / 4 + frame["lot"] / 3000
    )
    edges = frame.head(6).copy()
    edges["area"] = [0.0, 1e-9, 1e6, 500.0, frame["area"].max(), frame["area"].min()]
    edges["lot"] = [0.0, 1e9, 1.0, frame["lot"].median(), 5e-324, 3.0]
    edges["north"] = [0.0, -0.0, 40.0, -40.0, 1e-40, 0.1]
    return Table(frame, _targets(score, rng), edges)


def gaps():
    """Numbers with gaps in each column."""
    table = houses()
    rng = np.random.default_rng(23)
    frame = table.frame.copy()
    for name in frame.columns:
        frame.loc[rng.random(ROWS) < 0.12, name] = np.nan
    edges = table.edges.copy()
    edges.iloc[0] = np.nan
    edges.iloc[1, 2:] = np.nan
    return Table(frame, table.targets, edges)


def whole():
    """Whole numbers alone, as counts and codes come."""
    rng = np.random.default_rng(24)
    frame = pd.DataFrame({f"k{i}": rng.integers(0, 4 + 3 * i, ROWS) for i in range(5)})
    score = frame["k1"] - frame["k4"] / 3 + (frame["k0"] == 2)
    edges = frame.head(4).copy()
    edges["k0"] = [-1, 99, 2**40, 0]
    return Table(frame, _targets(score, rng), edges)


def categories():
    """Categorical columns of words, of whole numbers and in an order, beside numbers."""
    rng = np.random.default_rng(25)
    sizes = ["S", "M", "L", "XL"]
    frame = pd.DataFrame(
        {
            "colour": pd.Categorical(rng.choice(["red", "green", "blue"], ROWS)),
            "store": pd.Categorical(rng.choice([10, 20, 30, 40, 50], ROWS)),
            "size": pd.Categorical(rng.choice(sizes, ROWS), categories=sizes, ordered=True),
            "price": rng.gamma(3, 10, ROWS).round(2),
        }
    )
    score = frame["price"] / 10 + frame["size"].cat.codes + (frame["store"] == 30) * 2.0
    edges = frame.head(4).copy()
    edges["price"] = [0.0, -1.0, 1e9, frame["price"].max()]
    return Table(frame, _targets(score.to_numpy(), rng), edges)


def nullable():
    """pandas' own types with gaps of their own."""
    rng = np.random.default_rng(26)
    frame = pd.DataFrame(
        {
            "children": pd.array(rng.integers(0, 5, ROWS), dtype="Int64"),
            "score": pd.array(rng.normal(0, 1, ROWS).round(3), dtype="Float64"),
            "member": pd.array(rng.random(ROWS) < 0.5, dtype="boolean"),
            "weight": rng.normal(70, 10, ROWS).astype(np.float32),
        }
    )
    frame.loc[rng.random(ROWS) < 0.1, "children"] = pd.NA
    score = frame["score"].astype(float) + frame["member"].astype(float)
    return Table(frame, _targets(score.to_numpy(), rng), frame.tail(5))


def texts():
    """One column of words."""
    rng = np.random.default_rng(27)
    good, bad = ["good", "great", "fine", "love it"], ["bad", "poor", "awful", "hate it"]
    rest = ["the food", "service", "room 12", "It's", "coffee,", "a day", "Zürich"]
    mood = rng.integers(0, 2, ROWS)
    frame = pd.DataFrame(
        {
            "review": pd.Series(
                [
                    f"{rng.choice(rest)} {rng.choice(good if m else bad)} {rng.choice(rest)}"
                    for m in mood
                ],
                dtype="str",
            )
        }
    )
    words = ["", "never seen words", "GOOD good Good", "bad!bad?bad", "a b c", "ünïcödé ☃ good"]
    edges = pd.DataFrame({"review": pd.Series(words, dtype="str")})
    return Table(frame, _targets(mood + 0.0, rng), edges)


TABLES = {
    made.__name__: made() for made in (customers, houses, gaps, whole, categories, nullable, texts)
}

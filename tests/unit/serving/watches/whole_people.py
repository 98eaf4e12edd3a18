"""People whose age and dose go together."""

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from serve_app.engine.registration.register import Candidate
from tests.unit.serving.monitor_house import House


def people(rows, seed):
    rng = np.random.default_rng(seed)
    age = rng.normal(50, 10, rows)
    dose = (age - 50) / 10 + rng.normal(0, 0.3, rows)
    return pd.DataFrame({"age": age, "dose": dose})


def people_apart(rows, seed):
    """Each column as before, by itself."""
    frame = people(rows, seed)
    dose = np.random.default_rng(seed).permutation(frame["dose"].to_numpy())
    return frame.assign(dose=dose)


def home(folder, monitoring=None, **args):
    """A house of these people, with settings of the endpoint's monitoring and of the monitor."""
    frame = people(4_000, 0)
    label = np.where(frame["age"] + 5 * frame["dose"] > 50, "ill", "well")
    candidate = Candidate("risk", LogisticRegression().fit(frame, label), frame)
    return House(folder, candidate, args, **(monitoring or {}))


def minutes(house, work, frames):
    """Let a minute pass for each frame, with an answer to all of its rows."""
    for frame in frames:
        house.ask(frame)
        house.deliver(work)
        house.now_s += 60
    house.now_s += 31


def shown(work):
    return {(one.metric.name, *one.labels): one.value for one in work.samples()}

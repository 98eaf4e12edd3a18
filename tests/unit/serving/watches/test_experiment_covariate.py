"""What is known of subjects from before makes an experiment surer, from requests to the report."""

import numpy as np
import pytest

from serve_app.core.feedback import Feedback
from tests.unit.serving.watches.test_experiment import ExperimentHouse, report_of

HOUR_S = 3_600.0
PATIENTS = 240
EFFECT = 0.6


def settings(**covariate):
    primary = {"metric": "reward"}
    shown = {"name": "risks", "primary": primary, "units": 200, "start": "by hand"}
    return {**shown, "covariate": covariate} if covariate else shown


def analysis_of_covariance(arm, reward, before):
    """The effect, its standard error, and by which part the variance shrinks: by least squares.

    R. A. Fisher's analysis of covariance: reward on the arm and the covariate; the correlation is
    that within arms (A. Deng and others 2013: CUPED leaves 1 - rho^2 of the variance).
    """
    within = [
        (reward[own] - reward[own].mean(), before[own] - before[own].mean())
        for own in (arm == 0, arm == 1)
    ]
    own, was = (np.concatenate(parts) for parts in zip(*within, strict=True))
    design = np.column_stack([np.ones(len(arm)), arm, before])
    solved, *_ = np.linalg.lstsq(design, reward, rcond=None)
    left = reward - design @ solved
    counts = np.bincount(arm)
    error = np.sqrt(sum(left[arm == one].var(ddof=1) / counts[one] for one in (0, 1)))
    return solved[1], error, 1 - np.corrcoef(own, was)[0, 1] ** 2


def plain_error(arm, reward):
    return np.sqrt(sum(reward[arm == a].var(ddof=1) / (arm == a).sum() for a in (0, 1)))


def asked(house, rng, *, mean, patients, effect=0.0, **columns):
    """A request of each patient with a reward that is drawn: arms, rewards and the feedback."""
    arms, rewards, feedback = {}, {}, []
    for patient in patients:
        given = {name: [values[patient]] for name, values in columns.items()}
        prediction_id, variant = house.ask_about(patient, **given)
        arms[patient] = int(variant == "other@1")
        rewards[patient] = mean[patient] + effect * arms[patient] + rng.normal(0, 0.5)
        feedback.append(Feedback("risk", prediction_id, reward=rewards[patient]))
    return arms, rewards, feedback


def test_rewards_of_before_the_start_take_out_what_they_predict(tmp_path):
    house, rng = ExperimentHouse(tmp_path, settings(before_s=2 * HOUR_S)), np.random.default_rng(8)
    work = house.monitor()
    known = [f"p-{number}" for number in range(PATIENTS)]
    level = {patient: rng.normal(5, 2) for patient in (*known, *(f"new-{n}" for n in range(30)))}
    # Too long ago to count.
    _, _, feedback = asked(house, rng, mean=dict.fromkeys(level, 100.0), patients=known[:50])
    house.settle_all(work, feedback)
    house.now_s += 3 * HOUR_S
    earlier = [asked(house, rng, mean=level, patients=known) for _ in range(2)]
    house.settle_all(work, [one for _, _, feedback in earlier for one in feedback])
    # These are known only once the experiment has begun, which may have done it.
    _, _, late = asked(house, rng, mean=dict.fromkeys(level, -100.0), patients=known[:20])
    house.now_s += 1
    house.act("start")
    arms, rewards, feedback = asked(house, rng, mean=level, patients=level, effect=EFFECT)
    house.settle_all(work, [*feedback, *late])
    (comparison,) = report_of(work).metrics[0].comparisons

    before = {p: np.mean([rewards_of[p] for _, rewards_of, _ in earlier]) for p in known}
    arm = np.array([arms[p] for p in known])
    reward = np.array([rewards[p] for p in known])
    effect, error, left = analysis_of_covariance(arm, reward, np.array([before[p] for p in known]))
    everybody = np.array([arms[p] for p in level]), np.array([rewards[p] for p in level])
    # Thirty of 270 are new, and stay as they are.
    assert comparison.effect == pytest.approx(effect, abs=0.15)
    assert abs(comparison.effect - EFFECT) < 3 * comparison.posterior_deviation
    assert left < 0.2
    assert error < comparison.posterior_deviation < 0.6 * plain_error(*everybody)


def test_of_known_subjects_the_numbers_are_those_of_an_analysis_of_covariance(tmp_path):
    house, rng = ExperimentHouse(tmp_path, settings(before_s=HOUR_S)), np.random.default_rng(9)
    work = house.monitor()
    patients = [f"p-{number}" for number in range(PATIENTS)]
    level = {patient: rng.normal(5, 1) for patient in patients}
    _, earlier, feedback = asked(house, rng, mean=level, patients=patients)
    house.settle_all(work, feedback)
    house.now_s += 1
    house.act("start")
    arms, rewards, feedback = asked(house, rng, mean=level, patients=patients, effect=EFFECT)
    house.settle_all(work, feedback)
    (comparison,) = report_of(work).metrics[0].comparisons
    arm, reward, before = (np.array([one[p] for p in patients]) for one in (arms, rewards, earlier))
    effect, error, left = analysis_of_covariance(arm, reward, before)
    assert comparison.effect == pytest.approx(effect, abs=0.05 * error)
    assert comparison.posterior_deviation == pytest.approx(error, rel=0.01)
    shrunk = (comparison.posterior_deviation / plain_error(arm, reward)) ** 2
    assert shrunk == pytest.approx(left, rel=0.1)
    assert left < 0.7


def test_a_column_takes_out_what_it_predicts(tmp_path):
    house, rng = ExperimentHouse(tmp_path, settings(column="age")), np.random.default_rng(10)
    work = house.monitor()
    patients = [f"p-{number}" for number in range(PATIENTS)]
    age = {patient: float(rng.normal(50, 10)) for patient in patients}
    level = {patient: 0.1 * age[patient] for patient in patients}
    house.act("start")
    arms, rewards, feedback = asked(
        house, rng, mean=level, patients=patients, effect=EFFECT, age=age
    )
    house.settle_all(work, feedback)
    (comparison,) = report_of(work).metrics[0].comparisons
    arm, reward, before = (np.array([one[p] for p in patients]) for one in (arms, rewards, age))
    effect, error, left = analysis_of_covariance(arm, reward, before)
    assert comparison.effect == pytest.approx(effect, abs=0.05 * error)
    assert comparison.posterior_deviation == pytest.approx(error, rel=0.01)
    assert (comparison.posterior_deviation / plain_error(arm, reward)) ** 2 == pytest.approx(
        left, rel=0.1
    )
    assert comparison.low < EFFECT < comparison.high


def test_without_a_covariate_the_numbers_are_those_of_welch(tmp_path):
    house, rng = ExperimentHouse(tmp_path, settings()), np.random.default_rng(11)
    work = house.monitor()
    patients = [f"p-{number}" for number in range(PATIENTS)]
    house.act("start")
    level = {patient: rng.normal(5, 1) for patient in patients}
    arms, rewards, feedback = asked(house, rng, mean=level, patients=patients, effect=EFFECT)
    house.settle_all(work, feedback)
    (comparison,) = report_of(work).metrics[0].comparisons
    arm, reward = (np.array([one[p] for p in patients]) for one in (arms, rewards))
    assert comparison.effect == pytest.approx(reward[arm == 1].mean() - reward[arm == 0].mean())
    assert comparison.posterior_deviation == pytest.approx(plain_error(arm, reward), rel=1e-6)

"""Case studies that start a cluster run to a live endpoint, and measure what their pages say."""

from pathlib import Path

import pytest

from examples.case_study.command import Study, differences
from examples.case_study.session import Session, emptied
from examples.flights.study import STUDY as FLIGHTS
from examples.recommendations.study import STUDY as RECOMMENDATIONS
from tests.cluster.harness import free_row

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]

PORTS = 14
"""The endpoint's, nine of the cluster's own, the dashboard's and Prometheus's."""


@pytest.mark.parametrize("study", [RECOMMENDATIONS, FLIGHTS], ids=lambda study: study.name)
def test_a_case_study_measures_what_its_page_says(study: Study, tmp_path: Path) -> None:
    shown: list[str] = []
    with Session(emptied(tmp_path / study.name), free_row(PORTS), shown.append) as session:
        outcome = study.run(session)
        answering = session.endpoints[-1]
        assert answering.is_ready()
        assert answering.client.endpoints()
    assert not answering.is_ready()
    commands = [line.split()[2] for line in shown if line.startswith("$")]
    assert {"predict", "retrain", "cluster"} <= set(commands)
    assert outcome.next_steps
    assert differences(study, outcome) == []

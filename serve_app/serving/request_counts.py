"""Control's part in what gateways count: it adds up what each of them tells."""

from typing import Any

from serve_app.control.request_courses import RequestCourses
from serve_app.control.snapshots import Snapshots
from serve_app.core.arms import Arms
from serve_app.core.tally import Tally
from serve_app.serving.rollout_work import RolloutWork


class CountMethods:
    """Methods of control that gateways tell what they counted, and ask what all of them did."""

    _snapshots: Snapshots
    _rollouts: RolloutWork
    _courses: RequestCourses

    async def count(self, replica: str, arms: dict[str, Arms]) -> None:
        """Take what a gateway has counted so far of versions that are compared."""
        self._rollouts.count(replica, arms)

    async def hear(self, replica: str, number: int, tallies: dict[str, Tally]) -> None:
        """Take what a gateway has counted so far of every endpoint, by its n-th message."""
        self._courses.take(replica, number, tallies)
        self._courses.keep(self._snapshots.current.endpoints)

    async def loads(self) -> dict[str, Any]:
        """How often every endpoint is asked now, by name."""
        return self._courses.now()

    async def requests(self, endpoint: str) -> dict[str, Any]:
        """How often an endpoint was asked of late, and how fast it answered, at all gateways."""
        return self._courses.of(endpoint)

"""What gateways counted adds up, whoever tells it twice, dies or is late."""

from serve_app.control.arm_totals import ArmTotals
from serve_app.core.arms import ArmCounts, Arms


def counted(epoch, requests, version="m@2"):
    return {"e": Arms(epoch, {version: ArmCounts(requests)})}


def test_totals_of_gateways_add_up_and_telling_again_changes_nothing():
    totals = ArmTotals()
    totals.take("one", counted(3, 5))
    totals.take("two", counted(3, 7))
    totals.take("one", counted(3, 6))
    totals.take("one", counted(3, 6))
    assert totals.of("e", 3) == {"m@2": ArmCounts(13)}


def test_new_weights_begin_anew_and_what_is_late_is_left_out():
    totals = ArmTotals()
    totals.take("one", counted(3, 5))
    totals.take("two", counted(4, 1))
    totals.take("one", counted(3, 6))
    assert totals.of("e", 4) == {"m@2": ArmCounts(1)}
    assert totals.of("e", 3) == {}


def test_of_endpoints_that_are_gone_nothing_is_known():
    totals = ArmTotals()
    totals.take("one", counted(3, 5))
    totals.keep({"f": None})
    assert totals.of("e", 3) == {}

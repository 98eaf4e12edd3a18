"""Principals keep within their limits, and one is not counted against another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.control.quotas import Ledger, Nowhere
from serve_app.core.caller import Caller
from serve_app.errors import RateLimited
from serve_app.security import limits
from serve_app.security.limits import Allowance, Limit, Limiter, Limits, Meter, Rate, headers_of
from serve_app.security.quotas import Quotas
from tests.clocks import Clock

ANN, BOB = Caller("ann"), Caller("bob")


@pytest.fixture
def clock():
    return Clock(100.0)


def left(limiter, caller):
    """What is left of the only rate of rows."""
    ((unit, allowance),) = limiter.allowances(caller)
    assert unit == "rows"
    return allowance


def limiter(clock, limit, **by_principal):
    return Limiter(Limits(limit, by_principal), clock=clock)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30)), max_size=80),
    st.integers(1, 50),
    st.integers(1, 50),
)
def test_a_meter_is_a_token_bucket_that_may_go_into_debt_when_full(takings, per_s, burst):
    """Held against the other form of the same algorithm: a bucket that fills and is emptied."""
    meter, rate, now_s, tokens = Meter(), Rate(per_s, burst), 0.0, float(burst)
    for pause_tenths, cost in takings:
        now_s += pause_tenths / 10
        tokens = min(burst, tokens + pause_tenths / 10 * per_s)
        missing = min(cost, burst) - tokens
        wait_s = meter.take(rate, cost, now_s)
        assert wait_s == pytest.approx(max(0, missing) / per_s, abs=1e-6)
        if not wait_s:
            tokens -= cost
        allowance = meter.allowance(rate, now_s)
        assert allowance.left == pytest.approx(tokens, abs=1e-4)
        assert meter.item(rate, now_s).decode() == allowance.item("rows")


def test_a_burst_passes_at_once_and_then_so_many_rows_a_second(clock):
    here = limiter(clock, Limit(rows=Rate(10, 30)))
    here.take_rows(ANN, "a", 30)
    with pytest.raises(RateLimited, match=r"30 at once; try again in 0\.5 s") as caught:
        here.take_rows(ANN, "a", 5)
    assert caught.value.details["retry_after_s"] == 0.5
    clock.now_s += 0.5
    here.take_rows(ANN, "a", 5)


def test_what_was_refused_is_not_counted(clock):
    here = limiter(clock, Limit(rows=Rate(10, 10)))
    here.take_rows(ANN, "a", 10)
    for _ in range(50):
        with pytest.raises(RateLimited):
            here.take_rows(ANN, "a", 10)
    clock.now_s += 1
    here.take_rows(ANN, "a", 10)


def test_each_principal_and_endpoint_has_its_own_rows(clock):
    here = limiter(clock, Limit(rows=Rate(1, 5)))
    for caller, endpoint in ((ANN, "a"), (ANN, "b"), (BOB, "a")):
        here.take_rows(caller, endpoint, 5)
        assert left(here, caller).left == pytest.approx(0)


def test_a_request_of_more_rows_than_a_burst_passes_alone_and_is_paid_for(clock):
    here = limiter(clock, Limit(rows=Rate(10, 20)))
    here.take_rows(ANN, "a", 100)
    clock.now_s += 8
    with pytest.raises(RateLimited):
        here.take_rows(ANN, "a", 1)
    clock.now_s += 0.2
    here.take_rows(ANN, "a", 1)


def test_bytes_are_counted_for_all_endpoints_before_they_are_read(clock):
    here = limiter(clock, Limit(bytes=Rate(1000, 1000)))
    here.enter(ANN, 1000)
    with pytest.raises(RateLimited, match="ann: bytes are limited to 1000 a second"):
        here.enter(ANN, 1)
    here.enter(BOB, 1)


def test_requests_on_their_way_are_counted_until_they_leave(clock):
    here = limiter(clock, Limit(in_flight=2))
    here.enter(ANN, 0)
    here.enter(ANN, 0)
    with pytest.raises(RateLimited, match="ann has 2 requests on their way"):
        here.enter(ANN, 0)
    here.enter(BOB, 0)
    here.leave(ANN)
    here.enter(ANN, 0)


def test_refused_bytes_hold_no_place(clock):
    here = limiter(clock, Limit(bytes=Rate(1, 1), in_flight=1))
    here.enter(ANN, 5)
    here.leave(ANN)
    with pytest.raises(RateLimited, match="bytes"):
        here.enter(ANN, 5)
    clock.now_s += 10
    here.enter(ANN, 1)


def test_a_principal_may_have_a_limit_of_its_own(clock):
    here = limiter(clock, Limit(rows=Rate(1, 1)), ann=limits.NO_LIMIT)
    here.take_rows(ANN, "a", 1000)
    assert here.allowances(ANN) == ()
    here.take_rows(BOB, "a", 1)
    with pytest.raises(RateLimited):
        here.take_rows(BOB, "a", 1)


def test_each_of_several_gateways_has_its_share(clock):
    here = limiter(clock, Limit(rows=Rate(10, 20)))
    here.share(4)
    here.take_rows(ANN, "a", 5)
    with pytest.raises(RateLimited, match="10 a second, 20 at once"):
        here.take_rows(ANN, "a", 1)
    here.share(1)
    clock.now_s += 2
    here.take_rows(ANN, "a", 20)


def test_idle_principals_are_forgotten_and_busy_ones_are_not(clock, monkeypatch):
    monkeypatch.setattr(limits, "MOST_KNOWN", 3)
    here = limiter(clock, Limit(rows=Rate(1, 1), in_flight=1))
    here.enter(ANN, 0)
    for number in range(50):
        here.take_rows(Caller(str(number)), "a", 1)
        clock.now_s += 2
    assert len(here._known) <= 4
    with pytest.raises(RateLimited):
        here.enter(ANN, 0)


def test_headers_say_what_is_left_in_the_form_of_the_draft():
    headers = dict(headers_of([("rows", Allowance(100.0, left=40.9, full_in_s=5.91, per_s=10.0))]))
    assert headers == {"ratelimit-policy": '"rows";q=100;w=10', "ratelimit": '"rows";r=40;t=6'}
    assert (
        dict(headers_of([("rows", Allowance(5.0, -3.0, 8.0, 1.0))]))["ratelimit"]
        == '"rows";r=0;t=8'
    )


def test_the_headers_of_an_answer_are_those_of_what_is_left(clock):
    here = limiter(clock, Limit(rows=Rate(10, 30)), bob=Limit(in_flight=1))
    assert here.headers(ANN) == ()
    for gateways, rows in ((1, 7), (3, 2), (3, 1)):
        here.share(gateways)
        here.take_rows(ANN, "a", rows)
        clock.now_s += 0.05
        told = {name.decode(): value.decode() for name, value in here.headers(ANN)}
        assert told == dict(headers_of(here.allowances(ANN)))
    assert told["ratelimit-policy"] == '"rows";q=10;w=3'
    here.enter(BOB, 5)
    here.take_rows(BOB, "a", 1)
    assert here.headers(BOB) == ()


def test_a_body_of_no_known_length_is_counted_as_it_comes(clock):
    here = limiter(clock, Limit(bytes=Rate(10, 100)))
    here.enter(ANN, 0)
    here.take_bytes(ANN, 60)
    with pytest.raises(RateLimited):
        here.take_bytes(ANN, 60)
    here.take_bytes(BOB, 60)
    limiter(clock, limits.NO_LIMIT).take_bytes(ANN, 10**9)


def test_what_is_left_is_that_of_the_endpoint_that_was_asked_last(clock):
    here = limiter(clock, Limit(rows=Rate(10, 20)))
    assert here.allowances(ANN) == ()
    here.take_rows(ANN, "a", 15)
    here.take_rows(ANN, "b", 4)
    assert left(here, ANN) == pytest.approx((20, 16, 0.4, 10))
    clock.now_s += 0.4
    assert left(here, ANN).left == 20


def test_rows_of_a_day_are_said_beside_those_of_a_second(clock):
    noon_s = 43_200.0
    quotas = Quotas(
        clock=clock, allow_unknown=False, ask=Ledger(Nowhere(), clock=lambda: noon_s).lease
    )
    limit = Limit(rows=Rate(10, 300), rows_per_day=1_000)
    here = Limiter(Limits(limit, {"bob": Limit(rows_per_day=50)}), clock=clock, quotas=quotas)
    assert here.allowances(ANN) == ()
    here.take_rows(ANN, "a", 200)
    assert dict(headers_of(here.allowances(ANN))) == {
        "ratelimit-policy": '"rows";q=300;w=30, "rows-per-day";q=1000;w=86400',
        "ratelimit": '"rows";r=100;t=20, "rows-per-day";r=800;t=43200',
    }
    assert [value for _, value in here.headers(ANN)] == [
        b'"rows";q=300;w=30, "rows-per-day";q=1000;w=86400',
        b'"rows";r=100;t=20, "rows-per-day";r=800;t=43200',
    ]
    here.take_rows(BOB, "a", 50)
    with pytest.raises(RateLimited, match="limited to 50 a day"):
        here.take_rows(BOB, "a", 1)
    assert dict(headers_of(here.allowances(BOB)))["ratelimit"] == '"rows-per-day";r=0;t=43200'

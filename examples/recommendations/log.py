"""A shop's log of what it recommended, and of what was clicked: Open Bandit Data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from examples.case_study.packaged_data import folder_of

Campaign = Literal["all", "men", "women"]
Policy = Literal["random", "bts"]
CAMPAIGNS: tuple[Campaign, ...] = ("all", "men", "women")
RANDOM: Policy = "random"
THOMPSON: Policy = "bts"
POSITIONS = 3
"""Items are shown side by side: at the left, in the middle, at the right."""
USER_FEATURES = tuple(f"user_feature_{number}" for number in range(4))
FEATURES = (*USER_FEATURES, "position", "hour", "liked_items")
"""What is known when an item is chosen."""
_LETTERS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Log:
    """Impressions in the order of time, of a campaign with `items` items, chosen by one policy.

    `item` and `position` are numbers from 0, `click` is 1 or 0, `propensity` the probability with
    which this item was chosen for this position, each of shape (impressions,). `rows` has a row of
    `FEATURES` for each, where positions are counted from 1, with `impression` and `shown_at`.
    """

    campaign: Campaign
    policy: Policy
    items: int
    item: NDArray[np.int64]
    position: NDArray[np.int64]
    click: NDArray[np.float64]
    propensity: NDArray[np.float64]
    rows: pd.DataFrame

    def __len__(self) -> int:
        return len(self.click)


def read_log(campaign: Campaign, policy: Policy) -> Log:
    """10,000 impressions of a fashion shop in the last week of November 2019.

    Users are described by four features whose values are hashed, of which six letters are kept;
    `liked_items` is how many items of the campaign somebody clicked before.

    Source: Y. Saito, S. Aihara, M. Matsutani and Y. Narita, "Open Bandit Dataset and Pipeline:
    Towards Realistic and Reproducible Off-Policy Evaluation", NeurIPS 2021 (data CC BY 4.0), as
    packaged in obp 0.4.1.

    Raises:
        CaseStudyError: the package obp is not installed.
    """
    folder = folder_of("obp", "--no-deps obp==0.4.1") / "dataset" / "obd" / policy / campaign
    table = pd.read_csv(folder / f"{campaign}.csv", index_col=0)
    table = table.sort_values("timestamp", kind="stable").reset_index(drop=True)
    items = len(pd.read_csv(folder / "item_context.csv"))
    position = table["position"].to_numpy(np.int64) - 1
    affinities = table[[f"user-item_affinity_{number}" for number in range(items)]]
    shown_at = pd.to_datetime(table["timestamp"], utc=True, format="ISO8601")
    rows = pd.DataFrame(
        {
            "impression": [f"{policy}-{number:04d}" for number in range(len(table))],
            "shown_at": shown_at,
            **{name: table[name].str[:_LETTERS] for name in USER_FEATURES},
            "position": position + 1,
            "hour": shown_at.dt.hour,
            "liked_items": (affinities > 0).sum(axis=1),
        }
    )
    return Log(
        campaign,
        policy,
        items,
        table["item_id"].to_numpy(np.int64),
        position,
        table["click"].to_numpy(float),
        table["propensity_score"].to_numpy(float),
        rows,
    )

"""Customers, their plans and the agents: identifiers and attributes as functions of their numbers."""

from dataclasses import dataclass

import numpy as np

from local_cloud.seed.draws import Draws, Ints, Numbers


@dataclass(frozen=True)
class Plan:
    """One support plan; `share` of the customers have it."""

    plan_id: str
    name: str
    monthly_price: str
    response_target_minutes: int
    share: float


PLANS = (
    Plan("free", "Free", "0.00", 1440, 0.42),
    Plan("developer", "Developer", "29.00", 720, 0.30),
    Plan("business", "Business", "100.00", 60, 0.20),
    Plan("enterprise", "Enterprise", "15000.00", 15, 0.08),
)


def plans_of_customers(draws: Draws, customers: Numbers) -> Ints:
    """Index into PLANS for each customer number, as of the seed."""
    return draws.choice("plan", customers, [plan.share for plan in PLANS])


def customer_ids(customers: Ints) -> list[str]:
    """`C00000042`."""
    return [f"C{number:08d}" for number in customers.tolist()]


def agent_ids(agents: Ints) -> list[str]:
    """`A0042`."""
    return [f"A{number:04d}" for number in agents.tolist()]


def numbers_upto(first: int, last: int) -> Numbers:
    """The row numbers [first, last)."""
    return np.arange(first, last, dtype=np.uint64)

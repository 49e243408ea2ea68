"""The support desk's PostgreSQL tables: plans, agents and customers, and how they change over time."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

import numpy as np

from local_cloud.seed.draws import Draws, Numbers
from local_cloud.seed.people import PLANS, agent_ids, customer_ids, numbers_upto, plans_of_customers
from local_cloud.seed.plan import SeedSettings

_BLOCK = 10_000
_UPDATED_SHARE = 0.01
_NEW_SHARE = 0.005
_SEGMENTS = ("startup", "small business", "enterprise", "public sector", "education")
_COUNTRIES = ("DE", "US", "GB", "FR", "IN", "BR", "JP", "NL", "PL", "ES", "SE", "CA")
_COUNTRY_WEIGHTS = (16, 30, 10, 8, 9, 5, 6, 4, 3, 4, 2, 3)
_FIRST = (
    "Blue",
    "North",
    "Bright",
    "Iron",
    "Clear",
    "Green",
    "Quick",
    "Silver",
    "Urban",
    "Nova",
    "Grün",
    "Café",
)
_SECOND = (
    "Harbor",
    "Peak",
    "Field",
    "Works",
    "Metrics",
    "Foods",
    "Freight",
    "Health",
    "Robotics",
    "Média",
    "Bank",
    "Labs",
)
_LEGAL = ("GmbH", "Inc.", "Ltd", "SA", "BV", "KK", "& Søn", "AB", "Oy", "Group")
_TEAMS = ("compute", "storage and data", "network and security", "machine learning", "accounts and billing")
_GIVEN = (
    "José",
    "Zoë",
    "Jürgen",
    "Amélie",
    "Søren",
    "Priya",
    "Kenji",
    "Chloë",
    "Grace",
    "Mateus",
    "Ada",
    "Ivan",
)
_FAMILY = (
    "Okafor",
    "Müller",
    "Rossi",
    "Tanaka",
    "Nowak",
    "Silva",
    "Singh",
    "Dubois",
    "Larsen",
    "García",
    "Smith",
    "Kaya",
)
_CITIES = ("Berlin", "Dublin", "Pune", "Toronto", "São Paulo", "Osaka")


def seed_postgres(settings: SeedSettings, parameters: dict[str, Any]) -> dict[str, int]:
    """Creates and fills the three tables in one transaction; the same settings a second time change nothing.

    Returns:
        rows by table.

    Raises:
        psycopg.OperationalError: the server is not there or refuses the password.
    """
    import psycopg

    with psycopg.connect(**parameters) as connection, connection.cursor() as cursor:
        cursor.execute(files(__package__).joinpath("schema.sql").read_text(encoding="utf-8"))
        cursor.execute("SELECT settings FROM seed.state")
        found = cursor.fetchone()
        if found is None or found[0] != settings.fingerprint():
            cursor.execute("TRUNCATE customers, agents, plans, seed.state")
            _fill(cursor, settings)
            cursor.execute("INSERT INTO seed.state (settings) VALUES (%s)", [_json(settings.fingerprint())])
        return _counts(cursor)


def update_postgres(parameters: dict[str, Any]) -> dict[str, int]:
    """Lets a few days pass: customers change plans, leave or arrive, and a price moves.

    Every call is the next round of changes; the n-th round after a seed is always the same.

    Returns:
        what changed: `plan_changes`, `left`, `new_customers`.

    Raises:
        ValueError: the tables were not seeded.
    """
    import psycopg

    with psycopg.connect(**parameters) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('seed.state')")
        if cursor.fetchone() == (None,):
            raise ValueError(
                "The database holds no example data to update. Run `python -m local_cloud seed` first."
            )
        cursor.execute("UPDATE seed.state SET rounds = rounds + 1 RETURNING rounds, settings")
        found = cursor.fetchone()
        if found is None:
            raise ValueError(
                "The database holds no example data to update. Run `python -m local_cloud seed` first."
            )
        return _advance(cursor, round_number=found[0], settings=_settings(found[1]))


def _advance(cursor: Any, round_number: int, settings: SeedSettings) -> dict[str, int]:
    draws = Draws(settings.seed + 1_000_003 * round_number)
    now = _seeded_at(settings) + timedelta(days=settings.days + round_number)
    cursor.execute("SELECT count(*) FROM customers")
    customers = int(cursor.fetchone()[0])
    numbers = numbers_upto(0, customers)
    moving = numbers[draws.uniform("moves", numbers) < _UPDATED_SHARE]
    targets = draws.below("target", moving, len(PLANS))
    ids = customer_ids(moving.astype(np.int64))
    cursor.executemany(
        "UPDATE customers SET plan_id = %s, updated_at = %s WHERE customer_id = %s AND plan_id <> %s",
        [(PLANS[t].plan_id, now, i, PLANS[t].plan_id) for i, t in zip(ids, targets.tolist(), strict=True)],
    )
    changes = cursor.rowcount
    leaving = numbers[draws.uniform("leaves", numbers) < _UPDATED_SHARE / 4]
    cursor.execute(
        "UPDATE customers SET active = false, updated_at = %s WHERE customer_id = ANY(%s) AND active",
        (now, customer_ids(leaving.astype(np.int64))),
    )
    left = cursor.rowcount
    new = max(1, int(customers * _NEW_SHARE))
    _copy(cursor, "customers", _customers(Draws(settings.seed), customers, customers + new, now))
    cursor.execute(
        "UPDATE plans SET monthly_price = round(monthly_price * 1.01, 2), updated_at = %s WHERE plan_id = %s",
        (now, PLANS[1 + round_number % (len(PLANS) - 1)].plan_id),
    )
    return {"plan_changes": changes, "left": left, "new_customers": new}


def _fill(cursor: Any, settings: SeedSettings) -> None:
    draws, now = Draws(settings.seed), _seeded_at(settings)
    _copy(
        cursor,
        "plans",
        ((p.plan_id, p.name, p.monthly_price, p.response_target_minutes, now) for p in PLANS),
    )
    _copy(cursor, "agents", _agents(draws, settings.agents, now))
    for first in range(0, settings.customers, _BLOCK):
        _copy(cursor, "customers", _customers(draws, first, min(first + _BLOCK, settings.customers), now))


def _agents(draws: Draws, count: int, now: datetime) -> Iterator[Sequence[Any]]:
    numbers = numbers_upto(0, count)
    given = draws.below("given name", numbers, len(_GIVEN))
    family = draws.below("family name", numbers, len(_FAMILY))
    team = draws.below("team", numbers, len(_TEAMS))
    city = draws.below("city", numbers, len(_CITIES))
    hired = draws.below("hired", numbers, 2500)
    for i, agent_id in enumerate(agent_ids(numbers.astype(np.int64))):
        name = f"{_GIVEN[given[i]]} {_FAMILY[family[i]]}"
        yield agent_id, name, _TEAMS[team[i]], _CITIES[city[i]], now.date() - timedelta(int(hired[i])), now


def _customers(draws: Draws, first: int, last: int, now: datetime) -> Iterator[Sequence[Any]]:
    numbers: Numbers = numbers_upto(first, last)
    plan = plans_of_customers(draws, numbers)
    names = [draws.below(f"company {i}", numbers, len(w)) for i, w in enumerate((_FIRST, _SECOND, _LEGAL))]
    segment = draws.choice("segment", numbers, (3, 4, 2, 1, 1))
    country = draws.choice("country", numbers, _COUNTRY_WEIGHTS)
    manager = draws.below("manager", numbers, 24)
    age = draws.below("customer since", numbers, 2200)
    spend = np.exp(5.0 + 0.8 * plan + 1.1 * draws.normal("spend", numbers))
    for i, customer_id in enumerate(customer_ids(numbers.astype(np.int64))):
        name = f"{_FIRST[names[0][i]]} {_SECOND[names[1][i]]} {_LEGAL[names[2][i]]}"
        yield (
            customer_id, name, PLANS[plan[i]].plan_id, _SEGMENTS[segment[i]], _COUNTRIES[country[i]],
            f"A{int(manager[i]):04d}" if plan[i] == len(PLANS) - 1 else None,
            now.date() - timedelta(int(age[i])), f"{spend[i]:.2f}", True, now,
        )  # fmt: skip


_COLUMNS = {
    "plans": "plan_id, name, monthly_price, response_target_minutes, updated_at",
    "agents": "agent_id, name, team, city, hired_on, updated_at",
    "customers": "customer_id, name, plan_id, segment, country, account_manager_id, signed_up_on, "
    "monthly_spend, active, updated_at",
}


def _copy(cursor: Any, table: str, rows: Iterator[Sequence[Any]]) -> None:
    with cursor.copy(f"COPY {table} ({_COLUMNS[table]}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _counts(cursor: Any) -> dict[str, int]:
    cursor.execute(
        "SELECT 'plans', count(*) FROM plans UNION ALL SELECT 'agents', count(*) FROM agents "
        "UNION ALL SELECT 'customers', count(*) FROM customers"
    )
    return {name: int(count) for name, count in cursor.fetchall()}


def _seeded_at(settings: SeedSettings) -> datetime:
    return datetime(settings.start.year, settings.start.month, settings.start.day, tzinfo=UTC)


def _settings(fingerprint: dict[str, str]) -> SeedSettings:
    start = datetime.fromisoformat(fingerprint["start"]).date()
    return SeedSettings(int(fingerprint["rows"]), int(fingerprint["seed"]), start, int(fingerprint["days"]))


def _json(value: dict[str, str]) -> Any:
    from psycopg.types.json import Jsonb

    return Jsonb(value)

"""`python -m local_cloud seed`: the example data from the command line."""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

from local_cloud.seed.plan import SeedSettings, drop_file
from local_cloud.seed.postgres import seed_postgres, update_postgres
from local_cloud.seed.tickets import TicketWriter
from local_cloud.seed.upload import Bucket, seed_tickets, upload_file


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; prints what was made as JSON on standard output, progress on standard error.

    Returns:
        0, or 1 when a service does not answer or refuses, with one line that says what and how to mend it.
    """
    options = _parser().parse_args(argv)
    try:
        result = _run(options)
    except Exception as error:
        if not _expected(error):
            raise
        sys.stderr.write(f"seed: {error}\n{_cure(options)}\n")
        return 1
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 0


def drop_one(day: date, rows: int, bucket: Bucket, settings: SeedSettings) -> str:
    """Drops one new CSV of `rows` tickets on `day`, as a customer's export would, and returns its key.

    The file's name follows the day's last one; its tickets are new ones.
    """
    s3 = bucket.client()
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket.name, Prefix=f"{bucket.prefix}day={day}/tickets-{day}-"
    )
    taken = [_number(item["Key"]) for page in pages for item in page.get("Contents", [])]
    file = drop_file(day, max(taken, default=-1) + 1, rows)
    upload_file(TicketWriter(settings), bucket, s3, file, record=False)
    return bucket.prefix + file.name


def _number(key: str) -> int:
    """The file's number out of its key; a name that is not ours counts as none."""
    digits = key.removesuffix(".csv").rpartition("-")[2]
    return int(digits) if digits.isdigit() else -1


def _run(options: argparse.Namespace) -> dict[str, Any]:
    settings = SeedSettings(options.rows, options.seed, options.start, options.days)
    bucket = Bucket(options.bucket, options.prefix.rstrip("/") + "/", options.endpoint_url, options.region)
    if options.drop:
        return {
            "dropped": f"s3://{bucket.name}/{drop_one(options.drop, options.drop_rows, bucket, settings)}"
        }
    if options.update:
        return {"updated": update_postgres(_database(options))}
    result: dict[str, Any] = {}
    if options.only != "tickets":
        result["postgres"] = seed_postgres(settings, _database(options))
    if options.only != "postgres":
        result["tickets"] = seed_tickets(settings, bucket, options.workers, _Progress(settings.rows))
    return result


class _Progress:
    """One line on standard error, at most every two seconds, once a seed takes that long."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._started = self._shown = time.monotonic()

    def __call__(self, manifest: "Counter[str]") -> None:
        now = time.monotonic()
        if now - self._shown < 2:
            return
        self._shown = now
        done = manifest["tickets"]
        rate = done / (now - self._started)
        left = (self._rows - done) / rate if rate else 0.0
        sys.stderr.write(
            f"seed: {done:,} of {self._rows:,} tickets, {rate:,.0f} rows/s, {left:,.0f} s left\n"
        )
        sys.stderr.flush()


def _database(options: argparse.Namespace) -> dict[str, Any]:
    from local_cloud.seed.access import postgres_parameters

    if options.dsn:
        from psycopg.conninfo import conninfo_to_dict

        return dict(conninfo_to_dict(options.dsn))
    return postgres_parameters(options.secret, options.endpoint_url, options.region)


def _expected(error: Exception) -> bool:
    """True for what a user can mend: services that are away or refuse, settings that are wrong."""
    from botocore.exceptions import BotoCoreError, ClientError
    from psycopg import Error as PostgresError

    return isinstance(error, BotoCoreError | ClientError | PostgresError | ValueError)


def _cure(options: argparse.Namespace) -> str:
    return (
        f"      Asked {options.endpoint_url} for bucket {options.bucket!r} and secret {options.secret!r}. "
        "Start the local cloud with `python -m local_cloud up` and create them with `mlops provision`."
    )


def _parser() -> argparse.ArgumentParser:
    port = os.environ.get("LOCAL_CLOUD_PORT", "4566")
    parser = argparse.ArgumentParser("local_cloud seed", description="Makes the example data.")
    add = parser.add_argument
    add("--rows", type=_count, default=_default_rows(), help="number of tickets (default 10000)")
    add("--seed", type=int, default=7, help="every value follows from it (default 7)")
    add("--start", type=date.fromisoformat, default=date(2026, 1, 1), help="first day (default 2026-01-01)")
    add("--days", type=int, default=14, help="number of days (default 14)")
    add("--only", choices=("tickets", "postgres"), help="make only one of the two")
    add("--update", action="store_true", help="let the PostgreSQL tables change, as days passing would")
    add("--drop", type=date.fromisoformat, metavar="DAY", help="drop one new CSV on that day")
    add("--drop-rows", type=_count, default=200, help="tickets in the new CSV (default 200)")
    add("--workers", type=int, default=os.cpu_count() or 1, help="processes used for large sizes")
    add("--bucket", default="mlops-raw")
    add("--prefix", default="tickets/")
    add("--secret", default="mlops/postgres/support", help="Secrets Manager's name of the database's secret")
    add("--dsn", help="the database itself, instead of the secret")
    add("--endpoint-url", default=os.environ.get("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}"))
    add("--region", default=os.environ.get("AWS_REGION", "us-east-1"))
    return parser


def _default_rows() -> str:
    """MLOPS_SEED_ROWS; its 0 keeps a *new* local cloud empty, and who calls this command wants rows."""
    rows = os.environ.get("MLOPS_SEED_ROWS", "0")
    return "10000" if rows == "0" else rows


def _count(text: str) -> int:
    """A positive whole number; `_` and `,` may group its digits."""
    number = int(text.replace("_", "").replace(",", ""))
    if not 0 < number <= 1_000_000_000:
        raise argparse.ArgumentTypeError(f"{text} is not a number of rows between 1 and 1,000,000,000")
    return number

"""What every part of the Batch engine shares: its store, its cloud, AWS's words for common errors."""

import json
import re
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from local_cloud.batch.store import Store, decode_token, dumps, encode_token
from local_cloud.cloud import Cloud
from local_cloud.errors import ServiceError

Shape = dict[str, Any]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
PAGE = 100


class EngineBase:
    """State common to the parts of the engine."""

    service = "batch"
    cloud: Cloud
    store: Store
    changed: Callable[[], None]
    """Tells the scheduler that queues, environments or policies are other than before."""

    def arn(self, kind: str, name: str) -> str:
        """The ARN of a Batch resource, e.g. ``arn:aws:batch:us-east-1:000000000000:job-queue/high``."""
        return f"arn:aws:batch:{self.cloud.region}:{self.cloud.account_id}:{kind}/{name}"

    def name_of(self, kind: str, text: str) -> str:
        """The name in a name or an ARN of ``kind``."""
        return text.removeprefix(self.arn(kind, ""))

    def body(self, table: str, name: str) -> Shape | None:
        """The stored shape of that name. ``table`` is this engine's own word, never a caller's."""
        row = self.store.one(f"SELECT body FROM {table} WHERE name = ?", (name,))  # noqa: S608
        return None if row is None else dict(json.loads(row[0]))

    def bodies(
        self, table: str, names: list[str] | None, token: str | None, limit: int | None
    ) -> tuple[list[Shape], str | None]:
        """The named shapes, those that exist; or without names one page of all by name, and the next token."""
        if names:
            found = [self.body(table, name) for name in dict.fromkeys(names)]
            return [body for body in found if body is not None], None
        size = page_size(limit)
        position = decode_token(token)
        rows = self.store.read(
            f"SELECT name, body FROM {table} WHERE name > ? ORDER BY name LIMIT ?",  # noqa: S608
            (position[0] if position else "", size + 1),
        )
        next_token = encode_token(rows[size - 1][0]) if len(rows) > size else None
        return [json.loads(body) for _, body in rows[:size]], next_token

    def tags_of(self, arn: str) -> dict[str, str]:
        """A resource's tags."""
        return dict(self.store.read("SELECT name, value FROM tags WHERE arn = ?", (arn,)))


def put(db: sqlite3.Connection, table: str, name: str, body: Shape) -> None:
    """Store a shape under its name, inside a transaction."""
    db.execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", (name, dumps(body)))  # noqa: S608


def put_tags(db: sqlite3.Connection, arn: str, tags: Mapping[str, str] | None) -> None:
    """Add tags to a resource, inside a transaction.

    Raises:
        ServiceError: ``ClientException`` for a 51st tag.
    """
    for name, value in (tags or {}).items():
        if name.lower().startswith("aws:"):
            raise invalid("aws: prefixed tag key names are not allowed for external use.")
        if len(name) > 128 or len(value) > 256:
            raise invalid("A tag's key has at most 128 characters, its value at most 256.")
        db.execute("INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", (arn, name, value))
    if db.execute("SELECT count(*) FROM tags WHERE arn = ?", (arn,)).fetchone()[0] > 50:
        raise invalid(f"Resource {arn} cannot have more than 50 tags.")


def invalid(message: str) -> ServiceError:
    """``ClientException``: what every mistake of a caller's is on Batch."""
    return ServiceError("ClientException", message)


def check_name(kind: str, name: str) -> None:
    """Refuse a name that Batch refuses.

    Raises:
        ServiceError: ``ClientException``.
    """
    if not NAME.fullmatch(name):
        raise invalid(
            f"{kind} should match valid pattern: ^[A-Za-z0-9][A-Za-z0-9_-]{{0,127}}$. Provided: {name}"
        )


def refuse(what: str, members: Mapping[str, Any], *names: str) -> None:
    """Refuse members the engine does not honour.

    Raises:
        ServiceError: ``ClientException`` that names the member.
    """
    for name in names:
        if members.get(name):
            raise invalid(f"{what}: the local cloud does not support {name}. Use AWS, or leave it out.")


def page_size(limit: int | None) -> int:
    """``maxResults``, 1-100; other values mean 100, as on AWS."""
    return limit if limit is not None and 1 <= limit <= PAGE else PAGE


def page(items: str, values: list[Any], token: str | None) -> Shape:
    """A list response: ``nextToken`` is present only when there is more."""
    return {items: values} if token is None else {items: values, "nextToken": token}

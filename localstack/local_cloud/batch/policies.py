"""Scheduling policies (https://docs.aws.amazon.com/batch/latest/APIReference/API_CreateSchedulingPolicy.html)."""

import re
import sqlite3

from local_cloud.batch.base import Shape, check_name, invalid, page, put, put_tags, refuse
from local_cloud.batch.environments import ComputeEnvironments

SHARE = re.compile(r"[a-zA-Z0-9]{1,255}\*?")
WEEK = 604800
MOST_SHARES = 500


class SchedulingPolicies(ComputeEnvironments):
    """Fair share: who gets how much of a queue."""

    def create_scheduling_policy(
        self,
        *,
        name: str,
        fairsharePolicy: Shape | None = None,
        quotaSharePolicy: Shape | None = None,
        tags: dict[str, str] | None = None,
    ) -> Shape:
        """Raises: ``ClientException``."""
        check_name("name", name)
        refuse("CreateSchedulingPolicy", {"quotaSharePolicy": quotaSharePolicy}, "quotaSharePolicy")
        arn = self.arn("scheduling-policy", name)
        body = {"name": name, "arn": arn, "fairsharePolicy": _policy(fairsharePolicy or {})}

        def create(db: sqlite3.Connection) -> None:
            if db.execute("SELECT 1 FROM policies WHERE name = ?", (name,)).fetchone():
                raise invalid("Object already exists")
            put(db, "policies", name, body)
            put_tags(db, arn, tags)

        self.store.write(create)
        return {"name": name, "arn": arn}

    def update_scheduling_policy(
        self, *, arn: str, fairsharePolicy: Shape | None = None, quotaSharePolicy: Shape | None = None
    ) -> Shape:
        """Raises: ``ClientException``."""
        refuse("UpdateSchedulingPolicy", {"quotaSharePolicy": quotaSharePolicy}, "quotaSharePolicy")
        body = self.policy(arn)
        if fairsharePolicy is not None:
            body["fairsharePolicy"] = _policy(body["fairsharePolicy"] | fairsharePolicy)
        self.store.write(lambda db: put(db, "policies", body["name"], body))
        self.changed()
        return {}

    def delete_scheduling_policy(self, *, arn: str) -> Shape:
        """Only a policy that no queue uses can be deleted. Raises: ``ClientException``."""
        body = self.policy(arn)

        def delete(db: sqlite3.Connection) -> None:
            if db.execute("SELECT 1 FROM queues WHERE instr(body, ?)", (f'"{arn}"',)).fetchone():
                raise invalid(f"Scheduling policy {arn} is in use by a job queue and cannot be deleted.")
            db.execute("DELETE FROM policies WHERE name = ?", (body["name"],))
            db.execute("DELETE FROM tags WHERE arn = ?", (arn,))

        self.store.write(delete)
        return {}

    def describe_scheduling_policies(self, *, arns: list[str]) -> Shape:
        """The policies that exist."""
        names = [self.name_of("scheduling-policy", arn) for arn in arns]
        found, _ = self.bodies("policies", names, None, None) if names else ([], None)
        for body in found:
            body["tags"] = self.tags_of(body["arn"])
        return {"schedulingPolicies": found}

    def list_scheduling_policies(
        self, *, maxResults: int | None = None, nextToken: str | None = None
    ) -> Shape:
        """A page of ARNs."""
        found, token = self.bodies("policies", None, nextToken, maxResults)
        return page("schedulingPolicies", [{"arn": body["arn"]} for body in found], token)

    def policy(self, arn: str) -> Shape:
        """The policy of that ARN.

        Raises:
            ServiceError: ``ClientException``.
        """
        body = (
            self.body("policies", self.name_of("scheduling-policy", arn)) if arn.startswith("arn:") else None
        )
        if body is None:
            raise invalid(f"Scheduling policy {arn} does not exist.")
        return body


def _policy(given: Shape) -> Shape:
    decay, reserved = given.get("shareDecaySeconds") or 0, given.get("computeReservation") or 0
    if not 0 <= decay <= WEEK:
        raise invalid(f"shareDecaySeconds must be between 0 and {WEEK}.")
    if not 0 <= reserved <= 99:
        raise invalid("computeReservation must be between 0 and 99.")
    shares = given.get("shareDistribution") or []
    if len(shares) > MOST_SHARES:
        raise invalid(f"shareDistribution can have at most {MOST_SHARES} share identifiers.")
    seen: set[str] = set()
    for share in shares:
        identifier, weight = share["shareIdentifier"], share.get("weightFactor", 1.0)
        if not SHARE.fullmatch(identifier):
            raise invalid(
                f"shareIdentifier {identifier} should match valid pattern: ^[a-zA-Z0-9]{{1,255}}\\*?$"
            )
        if not 0.0001 <= weight <= 999.9999:
            raise invalid("weightFactor must be between 0.0001 and 999.9999.")
        if identifier in seen or any(
            (old.endswith("*") and identifier.startswith(old[:-1]))
            or (identifier.endswith("*") and old.startswith(identifier[:-1]))
            for old in seen
        ):
            raise invalid(f"shareIdentifier {identifier} overlaps another one of the policy.")
        seen.add(identifier)
    return {"shareDecaySeconds": decay, "computeReservation": reserved, "shareDistribution": shares}

"""Retry strategies (https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html)."""

import re
from typing import Any

from local_cloud.batch.base import Shape, invalid

MOST_ATTEMPTS, MOST_RULES = 10, 5
_CONDITIONS = ("onStatusReason", "onReason", "onExitCode")
_TEXT = re.compile(r"[A-Za-z0-9.:\s]{0,511}[A-Za-z0-9.:\s*]|\*")
_CODE = re.compile(r"[0-9]{0,511}[0-9*]")


def checked(strategy: Shape | None) -> Shape | None:
    """A strategy Batch accepts.

    Raises:
        ServiceError: ``ClientException``.
    """
    if not strategy:
        return None
    attempts, rules = strategy.get("attempts"), strategy.get("evaluateOnExit") or []
    if attempts is not None and not 1 <= attempts <= MOST_ATTEMPTS:
        raise invalid(f"retryStrategy.attempts must be between 1 and {MOST_ATTEMPTS}.")
    if rules and attempts is None:
        raise invalid("retryStrategy.attempts must be given with evaluateOnExit.")
    if len(rules) > MOST_RULES:
        raise invalid(f"retryStrategy.evaluateOnExit can have at most {MOST_RULES} entries.")
    for rule in rules:
        given = [name for name in _CONDITIONS if rule.get(name)]
        if not given:
            raise invalid(
                f"retryStrategy.evaluateOnExit: each entry must have one of {', '.join(_CONDITIONS)}."
            )
        for name in given:
            pattern = _CODE if name == "onExitCode" else _TEXT
            if not pattern.fullmatch(rule[name]):
                raise invalid(f"retryStrategy.evaluateOnExit: {name} {rule[name]!r} is not a valid pattern.")
    return {"attempts": attempts or 1, **({"evaluateOnExit": rules} if rules else {})}


def again(strategy: Shape | None, attempt: Shape, made: int) -> bool:
    """Whether a failed attempt is followed by another.

    The first rule all of whose conditions match decides; **without a match Batch retries**.

    Args:
        strategy: a checked strategy.
        attempt: an ``AttemptDetail``.
        made: how many attempts have been made.
    """
    if strategy is None or made >= strategy["attempts"]:
        return False
    container = attempt.get("container", {})
    code = container.get("exitCode")
    facts = {
        "onStatusReason": attempt.get("statusReason") or "",
        "onReason": container.get("reason") or "",
        "onExitCode": "" if code is None else str(code),
    }
    for rule in strategy.get("evaluateOnExit", ()):
        if all(_matches(rule[name], facts[name]) for name in _CONDITIONS if rule.get(name)):
            return bool(rule["action"].upper() == "RETRY")
    return True


def _matches(pattern: str, fact: Any) -> bool:
    if pattern.endswith("*"):
        return bool(fact.startswith(pattern[:-1]))
    return bool(fact == pattern)

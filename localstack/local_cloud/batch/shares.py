"""Fair share: which share of a queue is served next.

https://docs.aws.amazon.com/batch/latest/userguide/fair-share-scheduling.html. A share's use is the vCPU-seconds of its
jobs, times its weight factor (lower: a bigger share), fading with ``shareDecaySeconds``; the share with the least is
next. A start counts as one vCPU-second at least, so that jobs too short to measure alternate as they should.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

DEFAULT_DECAY_SECONDS = 600


@dataclass(slots=True)
class _Use:
    seconds: float = 0.0
    running: int = 0
    at: float = 0.0


@dataclass
class FairShare:
    """The use of one queue's shares. Times are monotonic seconds; vCPUs thousandths."""

    policy: dict[str, Any]
    _uses: dict[str, _Use] = field(default_factory=dict)

    def under(self, policy: dict[str, Any]) -> "FairShare":
        """The same shares under another policy."""
        return FairShare(policy, self._uses)

    def weight(self, share: str) -> float:
        """The weight factor of a share identifier; the policy names it whole or by a prefix (``team*``)."""
        for entry in self.policy["shareDistribution"]:
            name = entry["shareIdentifier"]
            if share == name or (name.endswith("*") and share.startswith(name[:-1])):
                return float(entry.get("weightFactor", 1.0))
        return 1.0

    def order(self, waiting: Iterable[str], now: float) -> list[str]:
        """Shares with waiting jobs, the one that is owed most first."""
        return sorted(waiting, key=lambda share: (self._used(share, now) * self.weight(share), share))

    def started(self, share: str, vcpus: int, now: float) -> None:
        """A job of the share has started."""
        use = self._aged(share, now)
        use.running += vcpus
        use.seconds += vcpus / 1000

    def ended(self, share: str, vcpus: int, now: float) -> None:
        """A job of the share has ended."""
        self._aged(share, now).running -= vcpus

    def allowed(self, share: str, waiting: Iterable[str], total: int) -> int:
        """vCPUs the share's queue may use now for it.

        ``computeReservation`` keeps (reservation / 100) ^ (active shares) of the whole for shares that are not active.
        """
        reserved: int = self.policy["computeReservation"]
        if not reserved:
            return total
        active = {name for name, use in self._uses.items() if use.running} | set(waiting)
        if not self._uses.get(share, _Use()).running and len(active) > 1:
            active.discard(share)  # it was not active before this job: the reservation is for its like
            return total - round(total * math.pow(reserved / 100, len(active) + 1))
        return total - round(total * math.pow(reserved / 100, len(active)))

    @property
    def running(self) -> int:
        """vCPUs in use by all shares."""
        return sum(use.running for use in self._uses.values())

    def _used(self, share: str, now: float) -> float:
        return self._aged(share, now).seconds

    def _aged(self, share: str, now: float) -> _Use:
        use = self._uses.setdefault(share, _Use(at=now))
        past = now - use.at
        if past > 0:
            decay = self.policy["shareDecaySeconds"] or DEFAULT_DECAY_SECONDS
            use.seconds = use.seconds * math.exp(-past / decay) + use.running / 1000 * past
            use.at = now
        return use

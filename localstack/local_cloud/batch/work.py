"""Jobs that are not over, as the scheduler holds them."""

import heapq
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from local_cloud.batch.containers import Demand
from local_cloud.batch.slots import Place

Shape = dict[str, Any]
Row = tuple[Any, ...]
SINGLE = -1
"""The index of the only unit of a job that is no array."""
OVER = ("SUCCEEDED", "FAILED")
UNTOUCHED, TOUCHED, SUCCEEDED, FAILED = range(4)
"""What is known of an array's child: nothing (no row), in work, over."""


@dataclass(slots=True)
class Unit:
    """What is scheduled: a job, or one child of an array.

    Attributes:
        attempts: ``AttemptDetail`` shapes; the last lacks ``stoppedAt`` while it runs.
        ending: ``cancel`` or ``terminate`` once asked for.
    """

    index: int
    status: str = "RUNNABLE"
    reason: str = ""
    started: int | None = None
    stopped: int | None = None
    attempts: list[Shape] = field(default_factory=list)
    ending: str = ""


@dataclass(slots=True)
class Job:
    """A job or an array. A waiting array of 10,000 is one of these and 10,000 bytes.

    Attributes:
        size: of the array, 0 for a single job.
        waits: ids of jobs that must succeed first.
        pairs: ids of arrays whose child i must succeed before child i of this one.
        sequential: each child waits for the one before.
        units: those under way, by index.
        children: what is known of each child.
        again: indices to run before new ones: retries, and children whose turn has come.
        next: the first child not yet looked at, where children wait for nothing.
        open: units that are not over.
        stuck: why it can never run, '' if it can; since when in ``stuck_at`` (ms).
        quick: whether its last attempt was over in no time: more of its children are handed to the host ahead.
    """

    id: str
    seq: int
    queue: str
    created: int
    size: int
    demand: Demand
    retry: Shape | None
    timeout: int
    share: str = ""
    priority: int = 0
    status: str = "SUBMITTED"
    reason: str = ""
    rest: str = "SUBMITTED"
    rest_reason: str = ""
    started: int | None = None
    stopped: int | None = None
    ending: str = ""
    waits: set[str] = field(default_factory=set)
    pairs: set[str] = field(default_factory=set)
    sequential: bool = False
    units: dict[int, Unit] = field(default_factory=dict)
    children: bytearray = field(default_factory=bytearray)
    again: list[int] = field(default_factory=list)
    next: int = 0
    open: int = 1
    stuck: str = ""
    stuck_at: int = 0
    quick: bool = False
    body: Shape | None = None

    @classmethod
    def of(
        cls, job_id: str, seq: int, queue: str, body: Shape, size: int, created: int, demand: Demand
    ) -> "Job":
        """From what was submitted."""
        kinds = [(dependency.get("type"), dependency.get("jobId")) for dependency in body["dependsOn"]]
        return cls(
            id=job_id,
            seq=seq,
            queue=queue,
            created=created,
            size=size,
            demand=demand,
            retry=body.get("retryStrategy"),
            timeout=(body.get("timeout") or {}).get("attemptDurationSeconds", 0),
            share=body.get("shareIdentifier", ""),
            priority=body.get("schedulingPriority", 0),
            waits={target for kind, target in kinds if kind is None and target},
            pairs={target for kind, target in kinds if kind == "N_TO_N" and target},
            sequential=any(kind == "SEQUENTIAL" for kind, _ in kinds),
            children=bytearray(size),
            open=size or 1,
        )

    @property
    def free_running(self) -> bool:
        """Whether children wait for nothing but room."""
        return not (self.pairs or self.sequential)

    def has_ready(self) -> bool:
        """Whether a unit could start now."""
        while self.again:
            unit = self.units.get(self.again[0])
            if unit is not None and unit.status == "RUNNABLE":
                return True
            heapq.heappop(self.again)
        if not self.size or self.rest != "RUNNABLE":
            return False
        while self.next < self.size and self.children[self.next] != UNTOUCHED:
            self.next += 1
        return self.next < self.size

    def take(self) -> Unit:
        """The unit to start; only after ``has_ready``."""
        index = heapq.heappop(self.again) if self.again else self.next
        return self.unit(index)

    def unit(self, index: int) -> Unit:
        """The unit of that index, now under way."""
        found = self.units.get(index)
        if found is None:
            found = self.units[index] = Unit(index)
            if self.size:
                self.children[index] = TOUCHED
        return found

    def put_back(self, index: int) -> None:
        """A unit that may start (again)."""
        heapq.heappush(self.again, index)


@dataclass(slots=True)
class Slot:
    """A place, and how many attempts the host has for it: one runs, the others follow it one by one."""

    number: int
    place: Place
    count: int = 0


@dataclass(slots=True)
class Run:
    """An attempt under way.

    Attributes:
        key: the host's number for it.
        deadline: monotonic seconds at which it has run too long, or None.
        cause: why it was asked to end: ``timeout``, ``terminate``, ``interrupt`` or ''.
        words: the status reason that goes with the cause.
        ahead: whether it was handed to the host to follow another.
    """

    key: int
    job: Job
    unit: Unit
    slot: Slot
    number: int
    deadline: float | None = None
    cause: str = ""
    words: str = ""
    ahead: bool = False


class Line:
    """A queue's waiting jobs by share: higher scheduling priority first, then in the order they were submitted."""

    def __init__(self) -> None:
        self._shares: dict[str, list[tuple[int, int, Job]]] = {}
        self._present: set[str] = set()

    def add(self, job: Job) -> None:
        """A job with something ready; no matter if it is here already."""
        if job.id not in self._present:
            self._present.add(job.id)
            heapq.heappush(self._shares.setdefault(job.share, []), (-job.priority, job.seq, job))

    def head(self, share: str) -> Job | None:
        """The share's next job; jobs that have nothing ready are forgotten."""
        heap = self._shares.get(share, [])
        while heap:
            job = heap[0][2]
            if job.has_ready() and not job.stuck:
                return job
            heapq.heappop(heap)
            self._present.discard(job.id)
        self._shares.pop(share, None)
        return None

    def shares(self) -> list[str]:
        """Shares with something to run."""
        return [share for share in list(self._shares) if self.head(share) is not None]

    def first(self, count: int) -> list[Job]:
        """The first jobs, share by share."""
        entries = sorted(entry for heap in self._shares.values() for entry in heap)
        found = deque(job for _, _, job in entries if job.has_ready())
        return list(found)[:count]

"""Warm templates: Python interpreters that have imported a job's heavy modules and are forked for each attempt.

A template belongs to one interpreter, one list of modules and one environment, but for the variables that differ from
attempt to attempt: nothing a module read while it was imported can be wrong in a fork. A template that fails to
import, or that runs threads, is told in the local cloud's log, and its jobs start cold.
"""

import contextlib
import hashlib
import json
import os
import signal
import socket
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from local_cloud.batch.host.spawn import enter
from local_cloud.batch.host.tasks import Task

MOST_TEMPLATES = 4
IDLE_SECONDS = 300.0
PER_ATTEMPT = ("AWS_BATCH_", "DAGSTER_PIPES_", "TMPDIR", "PWD")
"""Variables that differ from attempt to attempt, by prefix: a fork gets them after the fork."""
_SCRIPT = Path(__file__).parent / "warm.py"
_MESSAGE_BYTES = 1 << 16


class Owner(Protocol):
    """What a template asks of the host."""

    def listen(self, source: Any, heard: Any) -> None: ...
    def ignore(self, source: Any) -> None: ...
    def start_cold(self, task: Task, writer: int) -> None: ...
    def started(self, task: Task, pid: int) -> None: ...
    def ended(self, task: Task, code: int | None, reason: str, peak_kib: int) -> None: ...


@dataclass(slots=True)
class Template:
    """One template and what it was asked to run."""

    key: str
    socket: socket.socket
    pid: int
    used: float
    ready: bool = False
    waiting: list[tuple[Task, int]] = field(default_factory=list)
    tasks: dict[int, Task] = field(default_factory=dict)


class Templates:
    """All templates, by what they hold."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._templates: dict[str, Template] = {}
        self._unfit: set[str] = set()

    @property
    def pids(self) -> set[int]:
        """The templates' own processes."""
        return {template.pid for template in self._templates.values()}

    @property
    def idle_seconds(self) -> float | None:
        """How long the host may sleep for the templates' sake."""
        return IDLE_SECONDS if self._templates else None

    def start(self, task: Task, writer: int) -> bool:
        """Have a template run the task and take ``writer`` over; False if the task has to start cold."""
        key = _key(task.spec)
        if key in self._unfit:
            return False
        template = self._templates.get(key)
        if template is None:
            self._make_room()
            template = self._create(key, task.spec)
            if template is None:
                return False
        template.used = time.monotonic()
        template.tasks[task.key] = task
        if template.ready:
            self._ask(template, task, writer)
        else:
            template.waiting.append((task, writer))
        return True

    def gone(self, pid: int) -> None:
        """A child of the host that is no task has ended: a template, or an adopted process."""
        for template in list(self._templates.values()):
            if template.pid == pid:
                self._drop(template, "it ended")

    def expire(self, now: float) -> None:
        """End templates nobody used for a while."""
        for template in list(self._templates.values()):
            if not template.tasks and now - template.used > IDLE_SECONDS:
                self._retire(template)

    def end(self) -> None:
        """End all templates; each kills its forks."""
        for template in list(self._templates.values()):
            self._retire(template)

    def _make_room(self) -> None:
        idle = [template for template in self._templates.values() if not template.tasks]
        if len(self._templates) >= MOST_TEMPLATES and idle:
            self._retire(min(idle, key=lambda template: template.used))

    def _create(self, key: str, spec: dict[str, Any]) -> Template | None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = _lasting(spec["env"])
        enter("/")
        os.set_inheritable(theirs.fileno(), True)
        try:
            pid = os.posix_spawn(
                spec["warm"]["interpreter"],
                [spec["argv"][0], str(_SCRIPT), str(theirs.fileno()), *spec["warm"]["modules"]],
                environment,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, 2, 1),
                ],
                setpgroup=0,
                setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE],
            )
        except OSError:
            ours.close()
            self._unfit.add(key)
            return None
        finally:
            theirs.close()
        template = self._templates[key] = Template(key, ours, pid, time.monotonic())
        self._owner.listen(ours, lambda: self._hear(template))
        return template

    def _ask(self, template: Template, task: Task, writer: int) -> None:
        spec = task.spec
        request = json.dumps({"key": task.key, "argv": spec["argv"], "env": spec["env"], "cwd": spec["cwd"]})
        try:
            enter(spec["cwd"])
            socket.send_fds(template.socket, [request.encode()], [writer])
        except OSError:  # too long a message, or a template that is just ending
            template.tasks.pop(task.key, None)
            self._owner.start_cold(task, writer)
            return
        os.close(writer)

    def _hear(self, template: Template) -> None:
        try:
            data = template.socket.recv(_MESSAGE_BYTES)
        except OSError:
            data = b""
        if not data:
            self._drop(template, "it ended")
            return
        message = json.loads(data)
        if message[0] == "ready":
            template.ready = True
            waiting, template.waiting = template.waiting, []
            for task, writer in waiting:
                self._ask(template, task, writer)
        elif message[0] == "unfit":
            self._drop(template, message[1])
        elif message[0] == "started":
            if message[1] in template.tasks:
                self._owner.started(template.tasks[message[1]], message[2])
        elif message[1] in template.tasks:
            template.used = time.monotonic()
            self._owner.ended(template.tasks.pop(message[1]), message[2], "", message[3])

    def _drop(self, template: Template, why: str) -> None:
        """A template that failed: what waits for it starts cold; its forks are the host's children now."""
        if self._templates.pop(template.key, None) is None:
            return
        self._unfit.add(template.key)
        sys.stderr.write(f"batch: a job's modules make no warm template, its attempts start cold: {why}\n")
        self._close(template)
        for task, writer in template.waiting:
            self._owner.start_cold(task, writer)

    def _retire(self, template: Template) -> None:
        self._templates.pop(template.key, None)
        for _, writer in template.waiting:
            os.close(writer)
        self._close(template)

    def _close(self, template: Template) -> None:
        self._owner.ignore(template.socket)
        with contextlib.suppress(OSError):
            template.socket.close()


def _key(spec: dict[str, Any]) -> str:
    text = json.dumps([spec["warm"], spec["argv"][0], sorted(_lasting(spec["env"]).items())])
    return hashlib.sha256(text.encode()).hexdigest()


def _lasting(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith(PER_ATTEMPT)}

"""The host's one loop: requests in, processes started, watched, reaped, their output and their ends out.

Control messages in: ``["start", spec]`` (see ``Task``), ``["stop", key, grace seconds]``. Out: ``["started", key,
milliseconds]``, ``["ended", key, exit code or None, reason, milliseconds, peak KiB, bytes printed]``, ``["returned",
key]`` (see ``Scheduler._fill``). Output messages: ``[key, text]``, each character a byte, and at the end ``[key,
None]`` if there were any. When the local cloud closes its end, every job is killed and the host ends.
"""

import contextlib
import functools
import os
import queue
import selectors
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from local_cloud.batch.host import spawn, strays, watch
from local_cloud.batch.host.lines import Lines
from local_cloud.batch.host.tasks import Task
from local_cloud.batch.host.templates import Templates

WATCH_SECONDS = 0.1
MOST_PROCESSES = int(os.environ.get("LOCAL_CLOUD_BATCH_PROCESSES") or 4096)
"""Processes one job may have; more are taken for a fork bomb."""
MOST_OUTPUT = int(os.environ.get("LOCAL_CLOUD_BATCH_LOG_BYTES") or 64 << 20)
"""Bytes of output of one attempt that are kept."""
_CUT = f"\n[The local cloud keeps {MOST_OUTPUT} bytes of a job's output; LOCAL_CLOUD_BATCH_LOG_BYTES raises it.]\n"
_BACKLOG_BYTES = 4 << 20
_PIPE_BYTES = 1 << 16


class Host:
    """The jobs of this machine.

    Args:
        control: requests in, starts and ends out.
        output: what the jobs print, out. While the reader is slow the jobs' pipes are left full, and the jobs wait, as
            with Docker's blocking log driver.
    """

    def __init__(self, control: socket.socket, output: socket.socket) -> None:
        self._control, self._output = Lines(control), Lines(output)
        self._tasks: dict[int, Task] = {}
        self._pids: dict[int, Task] = {}
        self._places: dict[int, deque[dict[str, Any]]] = {}
        self._templates = Templates(self)
        self._selector = selectors.DefaultSelector()
        self._paused = False
        self._swept = True
        self._left: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._open = True
        self._watch_at = time.monotonic() + WATCH_SECONDS

    def run(self) -> None:
        """Serve until the local cloud closes its end or SIGTERM."""
        threading.Thread(target=spawn.remove_folders, args=(self._left,), daemon=True).start()
        strays.adopt_orphans()
        spawn.offer_to_the_oom_killer()
        wake, child_ended = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(child_ended, False)
        signal.set_wakeup_fd(child_ended, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._asked_to_end)
        self.listen(self._control, self._hear)
        self.listen(wake, lambda: self._reap(wake))
        try:
            while self._open:
                for key, _ in self._selector.select(self._pause()):
                    key.data()
                self._on_time()
                self._send()
        except OSError:
            if self._open:  # the local cloud is gone: its end is ours
                raise
        finally:
            self._end_all()

    def listen(self, source: Any, heard: Callable[[], None]) -> None:
        """Call ``heard`` whenever the source can be read."""
        self._selector.register(source, selectors.EVENT_READ, heard)

    def ignore(self, source: Any) -> None:
        """The inverse of ``listen``."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(source)

    def _asked_to_end(self, *_: Any) -> None:
        self._open = False

    def _hear(self) -> None:
        messages = self._control.receive()
        if messages is None:
            self._open = False
            return
        for message in messages:
            if message[0] == "start":
                self._queue(message[1])
            else:
                self._stop(message[1], message[2])

    def _queue(self, spec: dict[str, Any]) -> None:
        """Start what was asked for, or have it follow what runs in its place."""
        if spec["slot"] in self._places:
            self._places[spec["slot"]].append(spec)
        else:
            self._places[spec["slot"]] = deque()
            self._start(spec)

    def _follow(self, place: int) -> None:
        if self._places[place]:
            self._start(self._places[place].popleft())
        else:
            del self._places[place]

    def _give_back(self, task: Task) -> None:
        """What has waited behind a task for too long."""
        waiting = self._places[task.spec["slot"]]
        while waiting:
            self._control.send(["returned", waiting.popleft()["key"]])

    def _start(self, spec: dict[str, Any]) -> None:
        task = Task(spec["key"], spec, started=time.monotonic())
        self._tasks[task.key] = task
        task.pipe, writer = os.pipe()
        os.set_blocking(task.pipe, False)
        if spec.get("warm") and self._templates.start(task, writer):
            return
        self.start_cold(task, writer)

    def start_cold(self, task: Task, writer: int) -> None:
        """Start the task's program and tell; ``writer`` is closed here."""
        try:
            self.started(task, spawn.start(task.spec, writer))
        except spawn.StartError as error:
            self.ended(task, None, str(error), 0)
        except OSError as error:
            self.ended(task, None, f"CannotStartContainerError: the job's folder: {error}", 0)
        finally:
            os.close(writer)

    def started(self, task: Task, pid: int) -> None:
        """A task has its first process."""
        task.pid = pid
        self._pids[pid] = task
        self._control.send(["started", task.key, _milliseconds()])
        if task.kill_at is not None:  # asked to stop before it had a process
            task.signal(signal.SIGTERM)

    def _stop(self, key: int, grace: float) -> None:
        task = self._tasks.get(key)
        for waiting in self._places.values() if task is None else ():
            if any(spec["key"] == key for spec in waiting):
                self._control.send(["ended", key, None, "", _milliseconds(), 0, 0])
                waiting.extend(
                    [spec for spec in (waiting.popleft() for _ in range(len(waiting))) if spec["key"] != key]
                )
        if task is not None and task.kill_at is None:
            task.kill_at = time.monotonic() + grace
            task.signal(signal.SIGTERM)

    def _reap(self, wake: int) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(wake, 4096)
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG)
            except ChildProcessError:
                return
            if found is None:
                return
            pid = found.si_pid
            task = self._pids.get(pid)
            if task is not None:
                task.kill()  # the rest of its group ends with it; the unreaped pid cannot be another's
            _, status, usage = os.wait4(pid, 0)
            if task is not None:
                self.ended(task, os.waitstatus_to_exitcode(status), "", usage.ru_maxrss)
            else:
                self._templates.gone(pid)

    def ended(self, task: Task, code: int | None, reason: str, peak_kib: int) -> None:
        """A task's first process has ended (negative code: by that signal), or could not start (None)."""
        if self._tasks.pop(task.key, None) is None:
            return
        self._pids.pop(task.pid, None)
        self._swept = False
        self._drain(task)
        self._left.put(task.spec["cwd"])
        reason = task.reason or reason
        if code == -signal.SIGKILL and not reason and watch.kernel_ooms() > self._ooms:
            self._ooms = watch.kernel_ooms()
            reason = watch.OUT_OF_MEMORY
        exit_code = code if code is None or code >= 0 else 128 - code
        self._control.send(
            [
                "ended",
                task.key,
                exit_code,
                reason,
                _milliseconds(),
                max(task.peak_kib, peak_kib),
                task.printed,
            ]
        )
        self._follow(task.spec["slot"])

    @functools.cached_property
    def _ooms(self) -> int:
        return watch.kernel_ooms()

    def _read(self, task: Task) -> None:
        if task.pipe < 0:
            return  # closed by an event of the same round
        try:
            data = os.read(task.pipe, _PIPE_BYTES)
        except BlockingIOError:
            return
        if data:
            self._print(task, data)
        else:
            self._close(task)

    def _print(self, task: Task, data: bytes) -> None:
        kept = data[: max(0, MOST_OUTPUT - task.printed)]
        task.printed += len(data)
        if kept:
            self._output.send([task.key, kept.decode("latin-1")])
            if len(kept) < len(data) or task.printed == MOST_OUTPUT:
                self._output.send([task.key, _CUT])

    def _drain(self, task: Task) -> None:
        for _ in range(4):  # a pipe holds 64 KiB; whoever still writes has left the job
            if task.pipe < 0:
                break
            self._read(task)
        self._close(task)
        if task.printed:
            self._output.send([task.key, None])

    def _close(self, task: Task) -> None:
        if task.pipe >= 0:
            if task.watched:
                self.ignore(task.pipe)
            os.close(task.pipe)
            task.pipe = -1

    def _pause(self) -> float | None:
        if self._output.waiting:
            return 0.01
        if not self._tasks and self._swept:
            return self._templates.idle_seconds
        return max(0.0, self._watch_at - time.monotonic())

    def _on_time(self) -> None:
        now = time.monotonic()
        if now < self._watch_at:
            return
        self._watch_at = now + WATCH_SECONDS
        if not self._swept:
            self._sweep()
        old = [task for task in self._tasks.values() if now - task.started > WATCH_SECONDS / 2]
        if old:
            watch.enforce(old, MOST_PROCESSES)
        for task in old:
            self._give_back(task)
            if not task.watched and not self._paused and task.pipe >= 0:
                # Most jobs of a large array are over before their output is looked at for the first time.
                self.listen(task.pipe, functools.partial(self._read, task))
                task.watched = True
            if task.kill_at is not None and now >= task.kill_at:
                task.kill()
        self._templates.expire(now)

    def _sweep(self) -> None:
        """End what jobs that are over have left outside their groups."""
        self._swept = True
        living = [task.spec["env"] for task in self._tasks.values()]
        strays.end(
            self._pids.keys() | self._templates.pids,
            [(env["AWS_BATCH_JOB_ID"], env["AWS_BATCH_JOB_ATTEMPT"]) for env in living],
        )

    def _send(self) -> None:
        self._control.flush()
        self._output.flush()
        if self._paused != (self._output.waiting > _BACKLOG_BYTES):
            self._paused = not self._paused
            for task in [task for task in self._tasks.values() if task.watched and task.pipe >= 0]:
                if self._paused:
                    self.ignore(task.pipe)
                else:
                    self.listen(task.pipe, functools.partial(self._read, task))

    def _end_all(self) -> None:
        self._templates.end()
        for task in self._tasks.values():
            task.kill()
        strays.end(self._pids.keys(), [])


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000

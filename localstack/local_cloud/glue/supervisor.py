"""Runs as processes: started, watched, stopped, retried. A thread a run; nothing polls."""

import contextlib
import json
import logging
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local_cloud import processes
from local_cloud.cloud import Cloud
from local_cloud.glue.clock import Start
from local_cloud.glue.commits import Commits
from local_cloud.glue.launch import LaunchError, prepare, run_folder
from local_cloud.glue.logs import LogStream, ship_all
from local_cloud.glue.store import Store, dumps, loads, now

log = logging.getLogger(__name__)
LIVE_STATES = ("STARTING", "RUNNING", "STOPPING")
Shape = dict[str, Any]


class Supervisor:
    """The processes of all job runs.

    Args:
        finished: records what follows from a run's end (retries, triggers, events) in the same transaction and
            returns what to start once that is on disk.
        delayed: called when a run took longer than its ``NotificationProperty`` allows.
        bookmark: the bookmark of a job as JSON text, or ``None``.
        keep_bookmark: stores what a run committed.
    """

    minute_seconds = 60.0
    ship_seconds = 1.0
    grace_seconds = 5.0

    def __init__(
        self,
        cloud: Cloud,
        store: Store,
        *,
        finished: Callable[..., list[Start]],
        delayed: Callable[[Shape], None],
        bookmark: Callable[[str], str | None],
        keep_bookmark: Callable[[Shape, str], None],
    ) -> None:
        self._cloud, self._store = cloud, store
        self._finished, self._delayed = finished, delayed
        self._bookmark, self._keep_bookmark = bookmark, keep_bookmark
        self._lock = threading.Lock()
        self._live: dict[str, _Watch] = {}
        self._closing = False
        self.commits = Commits(cloud)
        # More Spark engines at once than cores would only slow each other; further runs wait in STARTING.
        slots = int(os.environ.get("LOCAL_CLOUD_GLUE_SLOTS", "0")) or max(2, os.cpu_count() or 2)
        self._slots = threading.BoundedSemaphore(slots)

    def start(self, job: Shape, run: Shape) -> None:
        """Take charge of a recorded run."""
        watch = _Watch()
        watch.thread = threading.Thread(
            target=self._watch, args=(job, run, watch), name=f"glue-{run['Id'][:11]}", daemon=True
        )
        with self._lock:
            self._live[run["Id"]] = watch
        watch.thread.start()

    def stop(self, run_id: str) -> bool:
        """Ask a run to stop. False if it is over already."""
        with self._lock:
            watch = self._live.get(run_id)
        if watch is None:
            return False
        self._update(run_id, JobRunState="STOPPING")
        watch.stopping = True
        watch.wake.set()
        return True

    def recover(self) -> list[Start]:
        """Runs that an earlier process left unfinished have failed, their processes are ended. What to start now."""
        starts: list[Start] = []
        for run_id, body, pid in self._store.read(
            "SELECT id, body, pid FROM job_runs WHERE state IN ('STARTING', 'RUNNING', 'STOPPING')"
        ):
            if pid:
                _kill_leftover(pid, run_id)
            run = loads(body)
            self._take_bookmark(run)
            stopped = run["JobRunState"] == "STOPPING"
            message = "The local cloud ended while this run was under way and its process was stopped."
            final: Shape = {"JobRunState": "STOPPED"} if stopped else _failed(message)
            with self._store.write():
                ended = self._update(run_id, CompletedOn=now(), **final)
                starts += self._finished(None, ended, retry=False)
        self.commits.recover(lambda: self._closing)
        _forget_old(self._cloud.state_dir / "glue" / "runs")
        return starts

    def close(self) -> None:
        """Stop every run; the next process records them as failed, and what follows from it."""
        self._closing = True
        with self._lock:
            watches = list(self._live.values())
        for watch in watches:
            watch.wake.set()
        for watch in watches:
            if watch.thread:
                watch.thread.join(self.grace_seconds + 5)

    def _watch(self, job: Shape, run: Shape, watch: "_Watch") -> None:
        try:
            final = self._with_slot(job, run, watch)
        except Exception as error:
            log.exception("Glue job run %s", run["Id"])
            final = _failed(f"The local cloud failed: {error}")
        starts: list[Start] = []
        try:
            if final is not None:
                self.commits.finish(run_folder(self._cloud, run["Id"]), lambda: self._closing)
                self._take_bookmark(run)
                with self._store.write():
                    run = self._update(run["Id"], CompletedOn=now(), **final)
                    starts = self._finished(job, run)
        finally:
            with self._lock:
                self._live.pop(run["Id"], None)
        for start in starts:
            start()

    def _with_slot(self, job: Shape, run: Shape, watch: "_Watch") -> Shape | None:
        while not self._slots.acquire(timeout=0.5):
            if watch.stopping or self._closing:
                return {"JobRunState": "STOPPED"} if watch.stopping else None
        try:
            if watch.stopping or self._closing:
                return {"JobRunState": "STOPPED"} if watch.stopping else None
            if not self.commits.wait(lambda: self._closing):
                return None
            launch = prepare(self._cloud, job, run, self._bookmark(job["Name"]))
            return self._run(launch, run, watch)
        except LaunchError as error:
            return _failed(str(error))
        finally:
            self._slots.release()

    def _run(self, launch: Any, run: Shape, watch: "_Watch") -> Shape | None:
        output, error = launch.folder / "output.log", launch.folder / "error.log"
        with output.open("wb") as stdout, error.open("wb") as stderr:
            process = processes.popen(
                launch.command,
                env=launch.environment,
                cwd=launch.folder,
                stdout=stdout,
                stderr=stderr,
                death_signal=signal.SIGKILL,
            )
        started = time.monotonic()
        self._update(run["Id"], pid=process.pid, JobRunState="RUNNING", ExecutionStarted=now())
        threading.Thread(target=_reap, args=(process, watch), daemon=True).start()
        streams = [
            LogStream(self._cloud, file, f"{run['LogGroupName']}/{file.stem}", run["Id"])
            for file in (output, error)
        ]
        deadline = started + run["Timeout"] * self.minute_seconds
        notice = (run.get("NotificationProperty") or {}).get("NotifyDelayAfter")
        notice_at = started + notice * self.minute_seconds if notice else None
        timed_out = False
        while not watch.done.is_set():
            watch.wake.wait(min(self.ship_seconds, max(0.0, deadline - time.monotonic())))
            timed_out = time.monotonic() >= deadline
            if watch.stopping or self._closing or timed_out:
                break
            ship_all(streams)
            if notice_at is not None and time.monotonic() >= notice_at:
                notice_at = None
                self._delayed(run)
        finished = watch.done.is_set()
        code = processes.end(process, 0 if finished else self.grace_seconds)
        if not self._closing:  # by now nobody serves CloudWatch Logs; the files stay in the run's folder
            ship_all(streams, final=True)
        shutil.rmtree(launch.folder / "scratch", ignore_errors=True)
        final = {"ExecutionTime": round(time.monotonic() - started)}
        if finished:
            return final | _outcome(launch.folder, code)
        if timed_out and not (watch.stopping or self._closing):
            minutes = run["Timeout"]
            return final | {
                "JobRunState": "TIMEOUT",
                "ErrorMessage": f"Job run timed out after {minutes} minutes.",
            }
        return final | {"JobRunState": "STOPPED"} if watch.stopping else None

    def _take_bookmark(self, run: Shape) -> None:
        file = run_folder(self._cloud, run["Id"]) / "bookmark.json"
        if file.exists():
            self._keep_bookmark(run, file.read_text())

    def _update(self, run_id: str, pid: int | None = None, **members: Any) -> Shape:
        """Change members of a run and give it back; a run that is stopping does not go back to running."""
        with self._store.write() as db:
            body, old_pid = db.execute("SELECT body, pid FROM job_runs WHERE id = ?", (run_id,)).fetchone()
            run = loads(body)
            if run["JobRunState"] == "STOPPING" and members.get("JobRunState") == "RUNNING":
                members.pop("JobRunState")
            run |= members | {"LastModifiedOn": now()}
            db.execute(
                "UPDATE job_runs SET state = ?, pid = ?, body = ? WHERE id = ?",
                (run["JobRunState"], pid or old_pid, dumps(run), run_id),
            )
        return dict(run)


class _Watch:
    """The signals of one run: ``wake`` when something is to be looked at, ``done`` when its process ended."""

    def __init__(self) -> None:
        self.wake, self.done = threading.Event(), threading.Event()
        self.stopping = False
        self.thread: threading.Thread | None = None


def _reap(process: Any, watch: _Watch) -> None:
    process.wait()
    watch.done.set()
    watch.wake.set()


def _forget_old(runs: Path) -> None:
    """Remove the folders of runs that ended more than a week ago; their logs are in CloudWatch Logs."""
    oldest = time.time() - 7 * 86400
    for folder in runs.glob("jr_*"):
        if folder.stat().st_mtime < oldest:
            shutil.rmtree(folder, ignore_errors=True)


def _failed(message: str) -> Shape:
    return {"JobRunState": "FAILED", "ErrorMessage": message}


def _outcome(folder: Path, code: int) -> Shape:
    """The final state, from what the job's process left behind."""
    with contextlib.suppress(FileNotFoundError):
        outcome = json.loads((folder / "outcome.json").read_text())
        if code == 0 and outcome["error"] is None:
            return {"JobRunState": "SUCCEEDED"}
        return {
            "JobRunState": "FAILED",
            "ErrorMessage": outcome["error"] or f"Command failed with exit code {code}",
        }
    reason = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return _failed(f"The job's process ended without a result ({reason}).")


def _kill_leftover(group: int, run_id: str) -> None:
    """Kill a run's process group, if it still is that run's."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            pid = int(entry.name)
            if os.getpgid(pid) == group and run_id.encode() in (entry / "cmdline").read_bytes():
                os.killpg(group, signal.SIGKILL)
                return

"""Runs of workflows: how they begin, what belongs to them, when they are over."""

import uuid
from typing import Any

from local_cloud.errors import ServiceError
from local_cloud.glue.base import invalid, not_found
from local_cloud.glue.clock import Start
from local_cloud.glue.job_runs import present
from local_cloud.glue.store import dumps, loads, now
from local_cloud.glue.supervisor import LIVE_STATES
from local_cloud.glue.triggers.api import STARTING
from local_cloud.glue.triggers.firing import Firing
from local_cloud.glue.triggers.graph import figures, graph, target

Shape = dict[str, Any]
Action = tuple[str, str, str]
"""(``JOB`` or ``CRAWLER``, name, run id)"""
_CRAWL_STATES = {"COMPLETED": "SUCCEEDED", "STOPPED": "CANCELLED"}
_OWN = ("Fired", "Errors")


class WorkflowRuns(Firing):
    """The life of a workflow run; its state changes in the transactions of the runs that belong to it."""

    def workflow(self, name: str) -> Shape:
        """The stored ``Workflow``.

        Raises:
            ServiceError: ``EntityNotFoundException``.
        """
        row = self.store.one("SELECT body FROM workflows WHERE name = ?", (name,))
        if row is None:
            raise not_found(f"Workflow with name {name} not found.")
        return dict(loads(row[0]))

    def workflow_run(self, name: str, run_id: str) -> Shape:
        """A stored run. Raises: ``EntityNotFoundException``."""
        row = self.store.one("SELECT body FROM workflow_runs WHERE workflow = ? AND id = ?", (name, run_id))
        if row is None:
            raise not_found(f"Workflow run {run_id} of workflow {name} not found.")
        return dict(loads(row[0]))

    def workflow_of(self, run_id: str) -> str:
        """See ``Firing``; ``""`` if the workflow was deleted."""
        row = self.store.one("SELECT workflow FROM workflow_runs WHERE id = ?", (run_id,))
        return str(row[0]) if row else "?"

    def begin_workflow_run(
        self, name: str, properties: Shape, *, scheduled: bool = False
    ) -> tuple[str, list[Start]]:
        """See ``Firing``. A scheduled run over the limit is recorded as ``ERROR``."""
        workflow = self.workflow(name)
        first = [trigger for trigger in self.all_triggers(name) if trigger["Type"] in STARTING]
        if not first:
            raise invalid(f"Workflow {name} has no start trigger (ON_DEMAND or SCHEDULED).")
        run = self.new_workflow_run(name, {**workflow["DefaultRunProperties"], **properties})
        try:
            self._check_runs(workflow)
        except ServiceError as error:
            if not scheduled:
                raise
            self.insert_workflow_run(
                run | {"Status": "ERROR", "ErrorMessage": error.message, "CompletedOn": now()}
            )
            return run["WorkflowRunId"], []
        run["Fired"] = [trigger["Name"] for trigger in first]
        self.insert_workflow_run(run)
        starts = self.fire(first[0], run["WorkflowRunId"])
        self.settle_workflow_run(run["WorkflowRunId"])
        return run["WorkflowRunId"], starts

    def new_workflow_run(self, name: str, properties: Shape) -> Shape:
        """A run in its first state."""
        return {
            "Name": name,
            "WorkflowRunId": f"wr_{uuid.uuid4().hex}{uuid.uuid4().hex}",
            "WorkflowRunProperties": properties,
            "StartedOn": now(),
            "Status": "RUNNING",
            "Fired": [],
            "Errors": [],
        }

    def insert_workflow_run(self, run: Shape) -> None:
        """Record a new run."""
        with self.store.write() as db:
            db.execute(
                "INSERT INTO workflow_runs (workflow, id, status, body) VALUES (?, ?, ?, ?)",
                (run["Name"], run["WorkflowRunId"], run["Status"], dumps(run)),
            )

    def save_workflow_run(self, run: Shape) -> None:
        """Record a run's new state."""
        with self.store.write() as db:
            db.execute(
                "UPDATE workflow_runs SET status = ?, body = ? WHERE id = ?",
                (run["Status"], dumps(run), run["WorkflowRunId"]),
            )

    def workflow_arguments(self, run_id: str) -> Shape:
        """``--WORKFLOW_NAME`` and ``--WORKFLOW_RUN_ID``, as AWS passes them."""
        return {"--WORKFLOW_NAME": self.workflow_of(run_id), "--WORKFLOW_RUN_ID": run_id} if run_id else {}

    def may_fire(self, run_id: str, trigger: str) -> bool:
        """See ``Firing``."""
        row = self.store.one("SELECT body FROM workflow_runs WHERE id = ?", (run_id,))
        run = loads(row[0]) if row else {"Status": "DELETED", "Fired": []}
        if run["Status"] != "RUNNING" or trigger in run["Fired"]:
            return False
        self.save_workflow_run(run | {"Fired": [*run["Fired"], trigger]})
        return True

    def record_error(self, run_id: str, action: Shape, error: ServiceError) -> None:
        """See ``Firing``."""
        row = self.store.one("SELECT body FROM workflow_runs WHERE id = ?", (run_id,))
        if row:
            run = loads(row[0])
            entry = {"Node": list(target(action)), "Message": error.message}
            self.save_workflow_run(run | {"Errors": [*run["Errors"], entry]})

    def live_actions(self, run_id: str) -> list[Action]:
        """The jobs and crawlers of a run that are under way."""
        states = ", ".join(f"'{state}'" for state in (*LIVE_STATES, "WAITING"))
        jobs = self.store.read(
            f"SELECT job, id FROM job_runs WHERE state IN ({states})"  # noqa: S608 - this module's own words
            " AND json_extract(body, '$.WorkflowRunId') = ?",
            (run_id,),
        )
        crawls = self.store.read(
            "SELECT crawler, id FROM crawls WHERE state = 'RUNNING' AND json_extract(body, '$.WorkflowRunId') = ?",
            (run_id,),
        )
        return [("JOB", *row) for row in jobs] + [("CRAWLER", *row) for row in crawls]

    def settle_workflow_run(self, run_id: str) -> None:
        """See ``Firing``."""
        with self.store.write():
            row = self.store.one("SELECT body FROM workflow_runs WHERE id = ?", (run_id,))
            run = loads(row[0]) if row else {"Status": "DELETED"}
            if run["Status"] not in ("RUNNING", "STOPPING") or self.live_actions(run_id):
                return
            status = "COMPLETED" if run["Status"] == "RUNNING" else "STOPPED"
            self.save_workflow_run(run | {"Status": status, "CompletedOn": now()})

    def shown_run(self, run: Shape, with_graph: bool) -> Shape:
        """The ``WorkflowRun`` shape."""
        triggers = self.all_triggers(run["Name"])
        runs = self._actions(run["WorkflowRunId"])
        states = [
            found[-1]["JobRunState" if key[0] == "JOB" else "State"] for key, found in runs.items() if found
        ]
        states += ["ERROR"] * len(run["Errors"])
        shown = {key: value for key, value in run.items() if key not in _OWN}
        shown["Statistics"] = figures(triggers, states)
        if with_graph:
            shown["Graph"] = graph(run["Name"], triggers, runs)
        return shown

    def _actions(self, run_id: str) -> dict[tuple[str, str], list[Shape]]:
        found: dict[tuple[str, str], list[Shape]] = {}
        for job, body in self.store.read(
            "SELECT job, body FROM job_runs WHERE json_extract(body, '$.WorkflowRunId') = ? ORDER BY seq",
            (run_id,),
        ):
            found.setdefault(("JOB", job), []).append(present(loads(body)))
        for crawler, body in self.store.read(
            "SELECT crawler, body FROM crawls WHERE json_extract(body, '$.WorkflowRunId') = ? ORDER BY seq",
            (run_id,),
        ):
            found.setdefault(("CRAWLER", crawler), []).append(_crawl(loads(body)))
        return found

    def _check_runs(self, workflow: Shape) -> None:
        limit = workflow.get("MaxConcurrentRuns")
        row = self.store.one(
            "SELECT count(*) FROM workflow_runs WHERE workflow = ? AND status IN ('RUNNING', 'STOPPING')",
            (workflow["Name"],),
        )
        if limit is not None and row and row[0] >= limit:
            raise ServiceError(
                "ConcurrentRunsExceededException",
                f"Concurrent runs exceeded for workflow: {workflow['Name']}.",
            )


def _crawl(body: Shape) -> Shape:
    crawl = {
        "State": _CRAWL_STATES.get(body["State"], body["State"]),
        "StartedOn": body["StartTime"],
        "LogGroup": body["LogGroup"],
        "LogStream": body["LogStream"],
    }
    crawl |= {"CompletedOn": body["EndTime"]} if "EndTime" in body else {}
    return crawl | ({"ErrorMessage": body["ErrorMessage"]} if "ErrorMessage" in body else {})

"""What a trigger sets off, and what the end of a run sets off.

A conditional trigger watches runs that triggers started, not those started by hand:
https://docs.aws.amazon.com/glue/latest/dg/about-triggers.html.
"""

import logging
from typing import Any

from local_cloud.errors import ServiceError
from local_cloud.glue.clock import Start
from local_cloud.glue.crawlers.api import KIND as CRAWLER
from local_cloud.glue.triggers.api import TriggerDefinitions

log = logging.getLogger(__name__)
Shape = dict[str, Any]


class Firing(TriggerDefinitions):
    """Start triggers; conditions between runs."""

    def start_trigger(self, *, Name: str) -> Shape:
        """Fire an ON_DEMAND trigger; activate another.

        Raises:
            ServiceError: ``ConcurrentRunsExceededException``, ``EntityNotFoundException``.
        """
        with self.store.write():
            trigger = self.trigger(Name)
            if trigger["Type"] != "ON_DEMAND":
                starts = self.activate(trigger, "ACTIVATED")
            elif trigger.get("WorkflowName"):
                _, starts = self.begin_workflow_run(trigger["WorkflowName"], {})
            else:
                starts = self.fire(trigger, "", strict=True)
        for start in starts:
            start()
        return {"Name": Name}

    def fire_schedule(self, kind: str, name: str) -> list[Start]:
        """What is due: a crawler or a trigger. Called by the clock, in its transaction."""
        try:
            if kind == CRAWLER:
                return [self.begin_crawl(name)]
            trigger = self.trigger(name)
            if trigger.get("WorkflowName"):
                return self.begin_workflow_run(trigger["WorkflowName"], {}, scheduled=True)[1]
            return self.fire(trigger, "")
        except ServiceError as error:
            log.warning("The schedule of %s %s could not be fired: %s", kind, name, error)
            return []

    def fire(
        self, trigger: Shape, scope: str, predecessors: list[Shape] | None = None, *, strict: bool = False
    ) -> list[Start]:
        """Start a trigger's actions inside the caller's transaction.

        Args:
            scope: the workflow run's id, or ``""``.
            strict: raise if an action cannot be started, instead of recording and logging it.
        """
        starts: list[Start] = []
        for action in trigger["Actions"]:
            try:
                starts.append(self.begin_action(action, trigger["Name"], scope, predecessors or []))
            except ServiceError as error:
                if strict:
                    raise
                log.warning("Trigger %s could not start %s: %s", trigger["Name"], action, error)
                if scope:
                    self.record_error(scope, action, error)
        return starts

    def begin_action(self, action: Shape, trigger: str, scope: str, predecessors: list[Shape]) -> Start:
        """Record the run of one action inside the caller's transaction.

        Raises:
            ServiceError: as StartJobRun and StartCrawler.
        """
        if action.get("CrawlerName"):
            return self.begin_crawl(action["CrawlerName"], trigger, scope)
        given = {key: action[key] for key in ("NotificationProperty",) if action.get(key)}
        started_by = {"TriggerName": trigger, "WorkflowRunId": scope, "PredecessorRuns": predecessors}
        arguments = {**(action.get("Arguments") or {}), **self.workflow_arguments(scope)}
        return self.begin_run(action["JobName"], arguments, action.get("Timeout"), given | started_by)[1]

    def ended(self, kind: str, name: str, state: str, run: Shape) -> list[Start]:
        """Fire what waited for a run's end, and end the workflow run if nothing is left to do."""
        if not run.get("TriggerName"):
            return []
        scope = run.get("WorkflowRunId") or ""
        workflow = self.workflow_of(scope) if scope else None
        starts: list[Start] = []
        for trigger in self.all_triggers(workflow):
            if trigger["Type"] == "CONDITIONAL" and trigger["State"] == "ACTIVATED":
                starts += self._watch(trigger, scope, (kind, name, state), run)
        if scope:
            self.settle_workflow_run(scope)
        return starts

    def _watch(self, trigger: Shape, scope: str, end: tuple[str, str, str], run: Shape) -> list[Start]:
        kind, name, state = end
        who, which = ("CrawlerName", "CrawlState") if kind == CRAWLER else ("JobName", "State")
        conditions = trigger["Predicate"]["Conditions"]
        seen = False
        with self.store.write() as db:
            for position, condition in enumerate(conditions):
                if condition.get(who) != name:
                    continue
                key = (trigger["Name"], scope, position)
                db.execute("DELETE FROM conditions_met WHERE trigger = ? AND scope = ? AND position = ?", key)
                if condition[which] == state:
                    seen = True
                    run_id = run["Id"] if kind != CRAWLER else None
                    db.execute("INSERT INTO conditions_met VALUES (?, ?, ?, ?)", (*key, run_id))
            if not seen:
                return []
            rows = db.execute(
                "SELECT position, job_run FROM conditions_met WHERE trigger = ? AND scope = ? ORDER BY position",
                (trigger["Name"], scope),
            ).fetchall()
            wanted = 1 if trigger["Predicate"].get("Logical") == "ANY" else len(conditions)
            if len(rows) < wanted or (scope and not self.may_fire(scope, trigger["Name"])):
                return []
            if not scope:
                db.execute("DELETE FROM conditions_met WHERE trigger = ?", (trigger["Name"],))
            before = [
                {"JobName": conditions[position]["JobName"], "RunId": run_id}
                for position, run_id in rows
                if run_id
            ]
            return self.fire(trigger, scope, before)

    def begin_workflow_run(
        self, name: str, properties: Shape, *, scheduled: bool = False
    ) -> tuple[str, list[Start]]:
        """Record a workflow run and fire its start trigger; implemented with the workflows."""
        raise NotImplementedError

    def workflow_of(self, run_id: str) -> str:
        """A workflow run's workflow."""
        raise NotImplementedError

    def workflow_arguments(self, run_id: str) -> Shape:
        """What a job started by a workflow run is given."""
        raise NotImplementedError

    def may_fire(self, run_id: str, trigger: str) -> bool:
        """Whether a trigger has not fired yet in a workflow run that goes on; it counts as fired from now on."""
        raise NotImplementedError

    def record_error(self, run_id: str, action: Shape, error: ServiceError) -> None:
        """Remember an action that could not be started."""
        raise NotImplementedError

    def settle_workflow_run(self, run_id: str) -> None:
        """End a workflow run that has nothing left to do."""
        raise NotImplementedError

"""Workflows (https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-workflow.html): definitions and run control."""

from typing import Any

from local_cloud.errors import ServiceError
from local_cloud.glue.base import exists, invalid, page
from local_cloud.glue.store import decode_token, dumps, encode_token, loads, now
from local_cloud.glue.triggers.graph import downstream, graph, node_id, target
from local_cloud.glue.triggers.workflow_runs import WorkflowRuns

Shape = dict[str, Any]
KIND = "workflow"


class Workflows(WorkflowRuns):
    """Create, read, update, delete, start, stop and resume workflows."""

    def create_workflow(self, *, Name: str, Tags: Shape | None = None, **members: Any) -> Shape:
        """Raises: ``AlreadyExistsException``."""
        moment = now()
        given = {key: value for key, value in members.items() if value is not None}
        body = {
            "DefaultRunProperties": {},
            **given,
            "Name": Name,
            "CreatedOn": moment,
            "LastModifiedOn": moment,
        }
        with self.store.write() as db:
            if db.execute("SELECT 1 FROM workflows WHERE name = ?", (Name,)).fetchone():
                raise exists(f"Workflow with name {Name} already exists.")
            db.execute("INSERT INTO workflows VALUES (?, ?)", (Name, dumps(body)))
            for tag, value in (Tags or {}).items():
                db.execute("INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", (self.arn(KIND, Name), tag, value))
        return {"Name": Name}

    def update_workflow(self, *, Name: str, **members: Any) -> Shape:
        """Change the members given. Raises: ``EntityNotFoundException``."""
        given = {key: value for key, value in members.items() if value is not None}
        with self.store.write() as db:
            body = {**self.workflow(Name), **given, "LastModifiedOn": now()}
            db.execute("UPDATE workflows SET body = ? WHERE name = ?", (dumps(body), Name))
        return {"Name": Name}

    def delete_workflow(self, *, Name: str) -> Shape:
        """Delete a workflow with its triggers and runs; its jobs and crawlers stay."""
        with self.store.write() as db:
            for trigger in self.all_triggers(Name):
                self.delete_trigger(Name=trigger["Name"])
            db.execute("DELETE FROM workflows WHERE name = ?", (Name,))
            db.execute("DELETE FROM workflow_runs WHERE workflow = ?", (Name,))
            db.execute("DELETE FROM tags WHERE arn = ?", (self.arn(KIND, Name),))
        return {"Name": Name}

    def get_workflow(self, *, Name: str, IncludeGraph: bool | None = None) -> Shape:
        """Raises: ``EntityNotFoundException``."""
        return {"Workflow": self._workflow(Name, bool(IncludeGraph))}

    def list_workflows(self, *, NextToken: str | None = None, MaxResults: int | None = None) -> Shape:
        """A page of workflow names."""
        found, token = self.named_page("workflows", "name", NextToken, MaxResults or 25)
        return page("Workflows", [body["Name"] for body in found], token)

    def batch_get_workflows(self, *, Names: list[str], IncludeGraph: bool | None = None) -> Shape:
        """The workflows that exist, and the names of those that do not."""
        known = {name for (name,) in self.store.read("SELECT name FROM workflows")}
        return {
            "Workflows": [self._workflow(name, bool(IncludeGraph)) for name in Names if name in known],
            "MissingWorkflows": [name for name in Names if name not in known],
        }

    def start_workflow_run(self, *, Name: str, RunProperties: Shape | None = None) -> Shape:
        """Raises: ``ConcurrentRunsExceededException``, ``EntityNotFoundException``, ``InvalidInputException``."""
        with self.store.write():
            run_id, starts = self.begin_workflow_run(Name, RunProperties or {})
        for start in starts:
            start()
        return {"RunId": run_id}

    def stop_workflow_run(self, *, Name: str, RunId: str) -> Shape:
        """Stop the run's jobs and crawlers; nothing more is fired in it.

        Raises:
            ServiceError: ``EntityNotFoundException``, ``IllegalWorkflowStateException``.
        """
        with self.store.write():
            run = self.workflow_run(Name, RunId)
            if run["Status"] != "RUNNING":
                raise ServiceError(
                    "IllegalWorkflowStateException",
                    f"Workflow run {RunId} is {run['Status']} and cannot be stopped.",
                )
            self.save_workflow_run(run | {"Status": "STOPPING"})
        for action in self.live_actions(RunId):
            try:
                if action[0] == "JOB":
                    self.batch_stop_job_run(JobName=action[1], JobRunIds=[action[2]])
                else:
                    self.stop_crawler(Name=action[1])
            except ServiceError:  # it ended by itself in the meantime
                continue
        self.settle_workflow_run(RunId)
        return {}

    def resume_workflow_run(self, *, Name: str, RunId: str, NodeIds: list[str]) -> Shape:
        """Run nodes of an ended run again, and what waits for them; the rest counts as done.

        Raises:
            ServiceError: ``EntityNotFoundException``, ``IllegalWorkflowStateException``, ``InvalidInputException``.
        """
        with self.store.write() as db:
            old = self.workflow_run(Name, RunId)
            if old["Status"] in ("RUNNING", "STOPPING"):
                raise ServiceError(
                    "IllegalWorkflowStateException", f"Workflow run {RunId} is {old['Status']}."
                )
            triggers = self.all_triggers(Name)
            found = {node_id(Name, *target(a)): (t["Name"], a) for t in triggers for a in t["Actions"]}
            if missing := [node for node in NodeIds if node not in found]:
                raise invalid(f"{missing[0]} is no job or crawler of workflow {Name}.")
            affected = downstream(triggers, {target(found[node][1]) for node in NodeIds})
            run = self.new_workflow_run(Name, old["WorkflowRunProperties"]) | {"PreviousRunId": RunId}
            run["Fired"] = [
                t["Name"]
                for t in triggers
                if t["Name"] in old["Fired"] and not {*map(target, t["Actions"])} & affected
            ]
            self.insert_workflow_run(run)
            for trigger in triggers:
                for position, condition in enumerate(
                    (trigger.get("Predicate") or {}).get("Conditions") or []
                ):
                    if target(condition) not in affected:
                        db.execute(
                            "INSERT INTO conditions_met SELECT trigger, ?, position, job_run FROM conditions_met"
                            " WHERE trigger = ? AND scope = ? AND position = ?",
                            (run["WorkflowRunId"], trigger["Name"], RunId, position),
                        )
            starts = []
            for node in NodeIds:
                starts += self.fire(
                    {"Name": found[node][0], "Actions": [found[node][1]]}, run["WorkflowRunId"]
                )
            self.settle_workflow_run(run["WorkflowRunId"])
        for start in starts:
            start()
        return {"RunId": run["WorkflowRunId"], "NodeIds": NodeIds}

    def get_workflow_run(self, *, Name: str, RunId: str, IncludeGraph: bool | None = None) -> Shape:
        """Raises: ``EntityNotFoundException``."""
        return {"Run": self.shown_run(self.workflow_run(Name, RunId), bool(IncludeGraph))}

    def get_workflow_runs(
        self,
        *,
        Name: str,
        IncludeGraph: bool | None = None,
        NextToken: str | None = None,
        MaxResults: int | None = None,
    ) -> Shape:
        """A page of a workflow's runs, the newest first."""
        self.workflow(Name)
        position = decode_token(NextToken)
        limit = MaxResults or 100
        rows = self.store.read(
            "SELECT seq, body FROM workflow_runs WHERE workflow = ? AND seq < ? ORDER BY seq DESC LIMIT ?",
            (Name, position[0] if position else 2**62, limit + 1),
        )
        runs = [self.shown_run(loads(body), bool(IncludeGraph)) for _, body in rows[:limit]]
        return page("Runs", runs, encode_token(rows[limit - 1][0]) if len(rows) > limit else None)

    def get_workflow_run_properties(self, *, Name: str, RunId: str) -> Shape:
        """Raises: ``EntityNotFoundException``."""
        return {"RunProperties": self.workflow_run(Name, RunId)["WorkflowRunProperties"]}

    def put_workflow_run_properties(self, *, Name: str, RunId: str, RunProperties: Shape) -> Shape:
        """Add properties, or change them. Raises: ``EntityNotFoundException``."""
        with self.store.write():
            run = self.workflow_run(Name, RunId)
            properties = {**run["WorkflowRunProperties"], **RunProperties}
            self.save_workflow_run(run | {"WorkflowRunProperties": properties})
        return {}

    def check_workflow(self, name: str) -> None:
        """Raises: ``EntityNotFoundException``."""
        self.workflow(name)

    def _workflow(self, name: str, with_graph: bool) -> Shape:
        body = self.workflow(name)
        row = self.store.one(
            "SELECT body FROM workflow_runs WHERE workflow = ? ORDER BY seq DESC LIMIT 1", (name,)
        )
        if row:
            body["LastRun"] = self.shown_run(loads(row[0]), with_graph)
        if with_graph:
            body["Graph"] = graph(name, self.all_triggers(name), None)
        return body

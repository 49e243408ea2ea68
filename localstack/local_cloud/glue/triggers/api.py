"""Triggers (https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-jobs-trigger.html): definitions and lists."""

from typing import Any

from local_cloud.glue.base import exists, invalid, not_found, page
from local_cloud.glue.clock import Start
from local_cloud.glue.crawlers import Crawlers
from local_cloud.glue.cron import parse
from local_cloud.glue.store import decode_token, dumps, encode_token, loads

Shape = dict[str, Any]
KIND = "trigger"
JOB_STATES = ("SUCCEEDED", "STOPPED", "FAILED", "TIMEOUT")
CRAWL_STATES = ("SUCCEEDED", "FAILED", "CANCELLED")
STARTING = ("ON_DEMAND", "SCHEDULED")
"""The types that begin a chain; a workflow has one of them."""


class TriggerDefinitions(Crawlers):
    """Create, read, update and delete triggers."""

    def create_trigger(
        self,
        *,
        Name: str,
        Type: str,
        Actions: list[Shape],
        WorkflowName: str | None = None,
        StartOnCreation: bool | None = None,
        Tags: Shape | None = None,
        **members: Any,
    ) -> Shape:
        """Raises: ``AlreadyExistsException``, ``EntityNotFoundException``, ``InvalidInputException``."""
        if Type == "ON_DEMAND" and StartOnCreation:
            raise invalid(f"Trigger {Name}: StartOnCreation is not supported for ON_DEMAND triggers.")
        trigger: Shape = {"Name": Name, "Type": Type, "Actions": Actions, **members}
        if WorkflowName:
            trigger["WorkflowName"] = WorkflowName
        with self.store.write() as db:
            if db.execute("SELECT 1 FROM triggers WHERE name = ?", (Name,)).fetchone():
                raise exists(f"Trigger with name {Name} already exists.")
            self._check(trigger)
            trigger["State"] = "ACTIVATED" if StartOnCreation else "CREATED"
            db.execute("INSERT INTO triggers VALUES (?, ?, ?)", (Name, WorkflowName, dumps(trigger)))
            self._reschedule(trigger)
            for tag, value in (Tags or {}).items():
                db.execute("INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", (self.arn(KIND, Name), tag, value))
        return {"Name": Name}

    def update_trigger(self, *, Name: str, TriggerUpdate: Shape) -> Shape:
        """Overwrite a trigger's schedule, actions, predicate and description; its type and state stay.

        Raises:
            ServiceError: ``EntityNotFoundException``, ``InvalidInputException``.
        """
        if TriggerUpdate.get("Name", Name) != Name:
            raise invalid(f"Trigger {Name} cannot be renamed.")
        with self.store.write() as db:
            old = self.trigger(Name)
            kept: Shape = {key: old[key] for key in ("Name", "Type", "State", "WorkflowName") if key in old}
            trigger = {"Actions": old["Actions"], **TriggerUpdate, **kept}
            self._check(trigger)
            db.execute("DELETE FROM conditions_met WHERE trigger = ?", (Name,))
            self._save_trigger(trigger)
            self._reschedule(trigger)
        return {"Trigger": trigger}

    def delete_trigger(self, *, Name: str) -> Shape:
        """Delete a trigger; one that does not exist is no error, as on AWS."""
        with self.store.write() as db:
            self.clock.set(KIND, Name, None)
            db.execute("DELETE FROM triggers WHERE name = ?", (Name,))
            db.execute("DELETE FROM tags WHERE arn = ?", (self.arn(KIND, Name),))
        return {"Name": Name}

    def get_trigger(self, *, Name: str) -> Shape:
        """Raises: ``EntityNotFoundException``."""
        return {"Trigger": self.trigger(Name)}

    def get_triggers(
        self,
        *,
        NextToken: str | None = None,
        DependentJobName: str | None = None,
        MaxResults: int | None = None,
    ) -> Shape:
        """A page of triggers by name, of those that start ``DependentJobName``."""
        found, token = self._listed(NextToken, DependentJobName, MaxResults or 100, None)
        return page("Triggers", found, token)

    def list_triggers(
        self,
        *,
        NextToken: str | None = None,
        DependentJobName: str | None = None,
        MaxResults: int | None = None,
        Tags: Shape | None = None,
    ) -> Shape:
        """A page of trigger names, of those that carry all the tags."""
        found, token = self._listed(NextToken, DependentJobName, MaxResults or 100, Tags)
        return page("TriggerNames", [trigger["Name"] for trigger in found], token)

    def batch_get_triggers(self, *, TriggerNames: list[str]) -> Shape:
        """The triggers that exist, and the names of those that do not."""
        known = {trigger["Name"]: trigger for trigger in self.all_triggers()}
        return {
            "Triggers": [known[name] for name in TriggerNames if name in known],
            "TriggersNotFound": [name for name in TriggerNames if name not in known],
        }

    def stop_trigger(self, *, Name: str) -> Shape:
        """Deactivate a scheduled or conditional trigger."""
        with self.store.write():
            trigger = self.trigger(Name)
            if trigger["Type"] == "ON_DEMAND":
                raise invalid(f"Trigger {Name} is ON_DEMAND: there is nothing to stop.")
            self.activate(trigger, "DEACTIVATED")
        return {"Name": Name}

    def trigger(self, name: str) -> Shape:
        """The ``Trigger`` shape.

        Raises:
            ServiceError: ``EntityNotFoundException``.
        """
        row = self.store.one("SELECT body FROM triggers WHERE name = ?", (name,))
        if row is None:
            raise not_found(f"Trigger {name} not found.")
        return dict(loads(row[0]))

    def all_triggers(self, workflow: str | None = "") -> list[Shape]:
        """All triggers, or those of one workflow (``None``: of no workflow)."""
        condition, values = ("1", ()) if workflow == "" else ("workflow IS ?", (workflow,))
        rows = self.store.read(f"SELECT body FROM triggers WHERE {condition} ORDER BY name", values)  # noqa: S608
        return [loads(body) for (body,) in rows]

    def activate(self, trigger: Shape, state: str) -> list[Start]:
        """Change a trigger's state inside the caller's transaction."""
        trigger["State"] = state
        self._save_trigger(trigger)
        self._reschedule(trigger)
        return []

    def check_workflow(self, name: str) -> None:
        """Raises: ``EntityNotFoundException``. Implemented with the workflows."""
        raise NotImplementedError

    def _save_trigger(self, trigger: Shape) -> None:
        with self.store.write() as db:
            db.execute("UPDATE triggers SET body = ? WHERE name = ?", (dumps(trigger), trigger["Name"]))

    def _reschedule(self, trigger: Shape) -> None:
        runs = trigger["Type"] == "SCHEDULED" and trigger["State"] == "ACTIVATED"
        self.clock.set(KIND, trigger["Name"], trigger["Schedule"] if runs else None)

    def _listed(
        self, token: str | None, job: str | None, limit: int, tags: Shape | None
    ) -> tuple[list[Shape], str | None]:
        if job is not None:
            self.job(job)
        position = decode_token(token)
        after = position[0] if position else ""
        kept = []
        for trigger in self.all_triggers():
            starts = job is None or any(action.get("JobName") == job for action in trigger["Actions"])
            if trigger["Name"] > after and starts:
                tagged = self.get_tags(ResourceArn=self.arn(KIND, trigger["Name"]))["Tags"] if tags else {}
                if not tags or tags.items() <= tagged.items():
                    kept.append(trigger)
        return kept[:limit], encode_token(kept[limit - 1]["Name"]) if len(kept) > limit else None

    def _check(self, trigger: Shape) -> None:
        name, kind = trigger["Name"], trigger["Type"]
        if kind not in (*STARTING, "CONDITIONAL"):
            raise invalid(f"Trigger {name}: the local cloud does not support triggers of type {kind}.")
        if (kind == "SCHEDULED") != bool(trigger.get("Schedule")):
            raise invalid(f"Trigger {name}: a Schedule belongs to SCHEDULED triggers, and to them alone.")
        if trigger.get("Schedule"):
            parse(trigger["Schedule"])
        conditions = (trigger.get("Predicate") or {}).get("Conditions") or []
        if (kind == "CONDITIONAL") != bool(conditions):
            raise invalid(
                f"Trigger {name}: a Predicate with conditions belongs to CONDITIONAL triggers alone."
            )
        if len(conditions) > 1 and not trigger["Predicate"].get("Logical"):
            raise invalid(f"Trigger {name}: Predicate.Logical is required with more than one condition.")
        if not trigger["Actions"]:
            raise invalid(f"Trigger {name}: at least one action is required.")
        if sum(1 for action in trigger["Actions"] if action.get("CrawlerName")) > 2:
            raise invalid(f"Trigger {name}: a trigger starts at most two crawlers.")
        for action in trigger["Actions"]:
            self._check_target(name, action)
            if "SecurityConfiguration" in action:
                raise invalid(f"Trigger {name}: the local cloud does not support SecurityConfiguration.")
        for condition in conditions:
            self._check_target(name, condition)
            states, member = (
                (JOB_STATES, "State") if condition.get("JobName") else (CRAWL_STATES, "CrawlState")
            )
            if condition.get(member) not in states:
                raise invalid(f"Trigger {name}: a condition's {member} must be one of {', '.join(states)}.")
        self._check_membership(trigger)

    def _check_target(self, trigger: str, target: Shape) -> None:
        if bool(target.get("JobName")) == bool(target.get("CrawlerName")):
            raise invalid(f"Trigger {trigger}: each action and condition names a job or a crawler.")
        if target.get("JobName"):
            self.job(target["JobName"])
        else:
            self.crawler(target["CrawlerName"])

    def _check_membership(self, trigger: Shape) -> None:
        workflow = trigger.get("WorkflowName")
        if not workflow:
            return
        self.check_workflow(workflow)
        others = [other for other in self.all_triggers(workflow) if other["Name"] != trigger["Name"]]
        if trigger["Type"] in STARTING and any(other["Type"] in STARTING for other in others):
            raise invalid(f"Workflow {workflow} has a start trigger already.")

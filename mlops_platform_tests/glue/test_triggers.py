"""Triggers and workflows: chains of jobs and crawlers."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from mlops_platform_tests.fixtures_cloud import RunningCloud
from mlops_platform_tests.glue.conftest import BUCKET, ROLE, Jobs

SHELL = "pythonshell"
ENDED = ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT")


def until(found: Callable[[], Any], seconds: float = 30) -> Any:
    """What ``found`` gives, once it gives something."""
    deadline = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.05)
    return result


@pytest.fixture
def glue(jobs: Jobs) -> Any:
    return jobs.glue


@pytest.fixture
def name() -> str:
    return f"t-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def crawler(jobs: Jobs, database: str) -> Iterator[str]:
    made = f"crawler-{uuid.uuid4().hex[:8]}"
    jobs.s3.put_object(Bucket=BUCKET, Key=f"{made}/data/a.csv", Body=b"a,b\n1,x\n")
    targets = {"S3Targets": [{"Path": f"s3://{BUCKET}/{made}/data/"}]}
    jobs.glue.create_crawler(Name=made, Role=ROLE, DatabaseName=database, Targets=targets)
    yield made
    until(lambda: jobs.glue.get_crawler(Name=made)["Crawler"]["State"] == "READY")


def last_run(jobs: Jobs, job: str) -> Callable[[], Any]:
    def found() -> Any:
        runs = jobs.glue.get_job_runs(JobName=job)["JobRuns"]
        return runs[0] if runs and runs[0]["JobRunState"] in ENDED else None

    return found


def test_on_demand_starts_jobs_and_crawlers_with_arguments(jobs: Jobs, name: str, crawler: str) -> None:
    job = jobs.create("import sys; print(sys.argv[sys.argv.index('--day') + 1])", kind=SHELL)
    actions = [{"JobName": job, "Arguments": {"--day": "monday"}, "Timeout": 7}, {"CrawlerName": crawler}]
    jobs.glue.create_trigger(Name=name, Type="ON_DEMAND", Actions=actions)
    assert jobs.glue.get_trigger(Name=name)["Trigger"]["State"] == "CREATED"
    jobs.glue.start_trigger(Name=name)
    run = until(last_run(jobs, job))
    assert (run["TriggerName"], run["Timeout"], run["JobRunState"]) == (name, 7, "SUCCEEDED")
    assert jobs.output(run["Id"], group="/aws-glue/python-jobs") == "monday"
    crawled = until(lambda: jobs.glue.get_crawler(Name=crawler)["Crawler"].get("LastCrawl"))
    assert crawled["Status"] == "SUCCEEDED"


def test_conditions_all_and_any(jobs: Jobs, name: str, crawler: str) -> None:
    good, bad = jobs.create("print(1)", kind=SHELL), jobs.create("raise ValueError('no')", kind=SHELL)
    after_all, after_any = (jobs.create("print(1)", kind=SHELL) for _ in range(2))
    conditions = [
        {"LogicalOperator": "EQUALS", "JobName": good, "State": "SUCCEEDED"},
        {"LogicalOperator": "EQUALS", "JobName": bad, "State": "FAILED"},
        {"LogicalOperator": "EQUALS", "CrawlerName": crawler, "CrawlState": "SUCCEEDED"},
    ]
    for logical, job in (("AND", after_all), ("ANY", after_any)):
        jobs.glue.create_trigger(
            Name=f"{name}-{logical}",
            Type="CONDITIONAL",
            Predicate={"Logical": logical, "Conditions": conditions},
            Actions=[{"JobName": job}],
            StartOnCreation=True,
        )
    jobs.glue.create_trigger(Name=name, Type="ON_DEMAND", Actions=[{"JobName": good}, {"JobName": bad}])
    jobs.glue.start_trigger(Name=name)
    until(last_run(jobs, good))
    until(last_run(jobs, bad))
    until(last_run(jobs, after_any))
    assert jobs.glue.get_job_runs(JobName=after_all)["JobRuns"] == []
    jobs.glue.create_trigger(Name=f"{name}-c", Type="ON_DEMAND", Actions=[{"CrawlerName": crawler}])
    jobs.glue.start_trigger(Name=f"{name}-c")
    run = until(last_run(jobs, after_all))
    run = jobs.glue.get_job_run(JobName=after_all, RunId=run["Id"], PredecessorsIncluded=True)["JobRun"]
    assert {entry["JobName"] for entry in run["PredecessorRuns"]} == {good, bad}
    # Runs started by hand set nothing off.
    fired = len(jobs.glue.get_job_runs(JobName=after_any)["JobRuns"])
    jobs.wait(good, jobs.start(good))
    assert len(jobs.glue.get_job_runs(JobName=after_any)["JobRuns"]) == fired
    jobs.glue.stop_trigger(Name=f"{name}-ANY")
    assert jobs.glue.get_trigger(Name=f"{name}-ANY")["Trigger"]["State"] == "DEACTIVATED"


def test_definitions(jobs: Jobs, glue: Any, name: str) -> None:
    job = jobs.create("print(1)", kind=SHELL)
    glue.create_trigger(
        Name=name,
        Type="SCHEDULED",
        Schedule="cron(0 3 * * ? *)",
        Actions=[{"JobName": job}],
        Tags={"for": name},
    )
    glue.start_trigger(Name=name)
    assert glue.get_trigger(Name=name)["Trigger"]["State"] == "ACTIVATED"
    update = {"Schedule": "cron(0 4 * * ? *)", "Actions": [{"JobName": job, "Timeout": 5}]}
    assert glue.update_trigger(Name=name, TriggerUpdate=update)["Trigger"]["Schedule"] == "cron(0 4 * * ? *)"
    assert glue.get_triggers(DependentJobName=job)["Triggers"][0]["Actions"][0]["Timeout"] == 5
    assert glue.list_triggers(Tags={"for": name})["TriggerNames"] == [name]
    found = glue.batch_get_triggers(TriggerNames=[name, "nope"])
    assert ([t["Name"] for t in found["Triggers"]], found["TriggersNotFound"]) == ([name], ["nope"])
    glue.delete_trigger(Name=name)
    glue.delete_trigger(Name=name)
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_trigger(Name=name)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"Type": "EVENT"}, "does not support triggers of type EVENT"),
        ({"Type": "SCHEDULED"}, "Schedule belongs"),
        ({"Type": "ON_DEMAND", "StartOnCreation": True}, "StartOnCreation"),
        ({"Type": "CONDITIONAL"}, "Predicate"),
        ({"Type": "ON_DEMAND", "Actions": [{"JobName": "nope"}]}, "nope not found"),
        ({"Type": "ON_DEMAND", "Actions": []}, "at least one action"),
        ({"Type": "SCHEDULED", "Schedule": "cron(* * * * ? *)"}, "5 minutes"),
        ({"Type": "ON_DEMAND", "WorkflowName": "nope"}, "nope not found"),
    ],
)
def test_refused(jobs: Jobs, name: str, members: dict[str, Any], message: str) -> None:
    job = jobs.create("print(1)", kind=SHELL)
    with pytest.raises(ClientError, match=message):
        jobs.glue.create_trigger(**{"Name": name, "Actions": [{"JobName": job}], **members})


class Flow:
    """A workflow: first -> (crawler, second) -> third when both succeeded."""

    def __init__(self, jobs: Jobs, name: str, crawler: str, second: str = "print(1)") -> None:
        self.jobs, self.glue, self.name = jobs, jobs.glue, name
        script = "import sys; print(sys.argv[sys.argv.index('--WORKFLOW_RUN_ID') + 1])"
        self.first, self.second, self.third = (
            jobs.create(text, kind=SHELL) for text in (script, second, script)
        )
        self.glue.create_workflow(Name=name, DefaultRunProperties={"env": "test"}, MaxConcurrentRuns=1)
        self.trigger("start", [{"JobName": self.first}], Type="ON_DEMAND")
        self.trigger(
            "fan",
            [{"JobName": self.second}, {"CrawlerName": crawler}],
            {"JobName": self.first, "State": "SUCCEEDED"},
        )
        self.trigger(
            "join",
            [{"JobName": self.third}],
            {"JobName": self.second, "State": "SUCCEEDED"},
            {"CrawlerName": crawler, "CrawlState": "SUCCEEDED"},
        )

    def trigger(self, suffix: str, actions: list[Any], *conditions: Any, **members: Any) -> None:
        if conditions:
            listed = [{"LogicalOperator": "EQUALS", **condition} for condition in conditions]
            predicate = {"Logical": "AND", "Conditions": listed}
            members |= {"Type": "CONDITIONAL", "Predicate": predicate, "StartOnCreation": True}
        self.glue.create_trigger(
            Name=f"{self.name}-{suffix}", WorkflowName=self.name, Actions=actions, **members
        )

    def start(self, **properties: str) -> str:
        return str(self.glue.start_workflow_run(Name=self.name, RunProperties=properties)["RunId"])

    def run(self, run_id: str, graph: bool = False) -> dict[str, Any]:
        found = self.glue.get_workflow_run(Name=self.name, RunId=run_id, IncludeGraph=graph)
        return dict(found["Run"])

    def ended(self, run_id: str) -> dict[str, Any]:
        until(lambda: self.run(run_id)["Status"] not in ("RUNNING", "STOPPING"))
        return self.run(run_id, graph=True)


def test_workflow_runs_to_its_end(jobs: Jobs, name: str, crawler: str) -> None:
    flow = Flow(jobs, name, crawler)
    with pytest.raises(ClientError, match="start trigger already"):
        flow.trigger("again", [{"JobName": flow.first}], Type="ON_DEMAND")
    run_id = flow.start(day="monday")
    with pytest.raises(flow.glue.exceptions.ConcurrentRunsExceededException):
        flow.start()
    flow.glue.put_workflow_run_properties(Name=name, RunId=run_id, RunProperties={"rows": "3"})
    run = flow.ended(run_id)
    assert run["Status"] == "COMPLETED"
    properties = flow.glue.get_workflow_run_properties(Name=name, RunId=run_id)["RunProperties"]
    assert properties == {"env": "test", "day": "monday", "rows": "3"}
    figures = {key: value for key, value in run["Statistics"].items() if value}
    assert figures == {"TotalActions": 4, "SucceededActions": 4}
    nodes = {(node["Type"], node["Name"]): node for node in run["Graph"]["Nodes"]}
    assert len(nodes) == 7
    assert len(run["Graph"]["Edges"]) == 1 + 1 + 2 + 2 + 1
    (third,) = nodes["JOB", flow.third]["JobDetails"]["JobRuns"]
    assert jobs.output(third["Id"], group="/aws-glue/python-jobs") == run_id
    assert nodes["CRAWLER", crawler]["CrawlerDetails"]["Crawls"][0]["State"] == "SUCCEEDED"
    workflow = flow.glue.get_workflow(Name=name, IncludeGraph=True)["Workflow"]
    assert workflow["LastRun"]["WorkflowRunId"] == run_id
    assert {n["UniqueId"] for n in workflow["Graph"]["Nodes"]} == {n["UniqueId"] for n in nodes.values()}
    flow.glue.delete_workflow(Name=name)
    assert flow.glue.batch_get_workflows(Names=[name])["MissingWorkflows"] == [name]
    with pytest.raises(flow.glue.exceptions.EntityNotFoundException):
        flow.glue.get_trigger(Name=f"{name}-start")


def test_workflow_resumes_where_it_failed(jobs: Jobs, name: str, crawler: str) -> None:
    script = f"import boto3; boto3.client('s3').head_object(Bucket={BUCKET!r}, Key={name + '/go'!r})"
    flow = Flow(jobs, name, crawler, second=script)
    failed = flow.ended(flow.start())
    assert failed["Status"] == "COMPLETED"
    assert failed["Statistics"]["FailedActions"] == 1
    assert jobs.glue.get_job_runs(JobName=flow.third)["JobRuns"] == []
    jobs.s3.put_object(Bucket=BUCKET, Key=f"{name}/go", Body=b"go")
    node = next(n["UniqueId"] for n in failed["Graph"]["Nodes"] if n["Name"] == flow.second)
    resumed = flow.glue.resume_workflow_run(Name=name, RunId=failed["WorkflowRunId"], NodeIds=[node])
    run = flow.ended(resumed["RunId"])
    assert run["PreviousRunId"] == failed["WorkflowRunId"]
    assert [
        len(jobs.glue.get_job_runs(JobName=job)["JobRuns"]) for job in (flow.first, flow.second, flow.third)
    ] == [1, 2, 1]
    assert run["Statistics"]["SucceededActions"] == 2


def test_workflow_stops(jobs: Jobs, name: str, crawler: str) -> None:
    flow = Flow(jobs, name, crawler, second="import time; time.sleep(60)")
    run_id = flow.start()
    until(
        lambda: any(
            r["JobRunState"] == "RUNNING" for r in jobs.glue.get_job_runs(JobName=flow.second)["JobRuns"]
        )
    )
    flow.glue.stop_workflow_run(Name=name, RunId=run_id)
    run = flow.ended(run_id)
    assert run["Status"] == "STOPPED"
    assert jobs.glue.get_job_runs(JobName=flow.third)["JobRuns"] == []
    with pytest.raises(flow.glue.exceptions.IllegalWorkflowStateException):
        flow.glue.stop_workflow_run(Name=name, RunId=run_id)


def test_kill_9_in_a_workflow(tmp_path: Any) -> None:
    cloud = RunningCloud(tmp_path / "state")
    cloud.up()
    try:
        jobs = Jobs(cloud)
        glue = jobs.glue
        slow, after = (
            jobs.create("import time; time.sleep(60)", kind=SHELL),
            jobs.create("print(1)", kind=SHELL),
        )
        failed = {"LogicalOperator": "EQUALS", "JobName": slow, "State": "FAILED"}
        glue.create_workflow(Name="w")
        glue.create_trigger(Name="a", WorkflowName="w", Type="ON_DEMAND", Actions=[{"JobName": slow}])
        glue.create_trigger(
            Name="b",
            WorkflowName="w",
            Type="CONDITIONAL",
            Predicate={"Conditions": [failed]},
            Actions=[{"JobName": after}],
            StartOnCreation=True,
        )
        run_id = glue.start_workflow_run(Name="w")["RunId"]
        until(lambda: glue.get_job_runs(JobName=slow)["JobRuns"][0]["JobRunState"] == "RUNNING")
        cloud.kill9()
        cloud.up()
        until(lambda: glue.get_workflow_run(Name="w", RunId=run_id)["Run"]["Status"] == "COMPLETED")
        assert [len(glue.get_job_runs(JobName=job)["JobRuns"]) for job in (slow, after)] == [1, 1]
        assert until(last_run(jobs, after))["JobRunState"] == "SUCCEEDED"
    finally:
        cloud.command("down", check=False)


@pytest.fixture
def events(local_cloud: RunningCloud, name: str) -> Iterator[Callable[[str, str], Any]]:
    """Waits for an event of Glue on EventBridge whose detail holds a value."""
    bus, sqs = local_cloud.client("events"), local_cloud.client("sqs")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus.put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.glue"]}))
    bus.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])
    seen: list[dict[str, Any]] = []

    def wait(kind: str, value: str) -> Any:
        def found() -> Any:
            answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
            seen.extend(json.loads(message["Body"]) for message in answer.get("Messages", []))
            return next(
                (e for e in seen if e["detail-type"] == kind and value in json.dumps(e["detail"])), None
            )

        return until(found)

    yield wait
    bus.remove_targets(Rule=name, Ids=["q"])
    bus.delete_rule(Name=name)


def test_events_tell_of_every_end(
    jobs: Jobs, crawler: str, events: Callable[[str, str], Any], database: str
) -> None:
    good, bad = jobs.create("print(1)", kind=SHELL), jobs.create("raise ValueError('no')", kind=SHELL)
    for job, state, severity in ((good, "SUCCEEDED", "INFO"), (bad, "FAILED", "ERROR")):
        run_id = jobs.start(job)
        event = events("Glue Job State Change", run_id)
        assert event["source"] == "aws.glue"
        detail = event["detail"]
        assert (detail["jobName"], detail["state"], detail["severity"]) == (job, state, severity)
    jobs.glue.start_crawler(Name=crawler)
    assert events("Glue Crawler State Change", "Started")["detail"]["crawlerName"] == crawler
    done = events("Glue Crawler State Change", "Succeeded")["detail"]
    assert (done["tablesCreated"], done["message"]) == ("1", "Crawler Succeeded")
    event = events("Glue Data Catalog Database State Change", "CreateTable")
    assert event["detail"] == {
        "databaseName": database,
        "typeOfChange": "CreateTable",
        "changedTables": ["data"],
    }
    jobs.glue.create_table(
        DatabaseName=database,
        TableInput={
            "Name": "parts",
            "PartitionKeys": [{"Name": "day", "Type": "string"}, {"Name": "n", "Type": "int"}],
        },
    )
    listed = [{"Values": ["monday", "1"]}, {"Values": ["monday", "2"]}]
    jobs.glue.batch_create_partition(DatabaseName=database, TableName="parts", PartitionInputList=listed)
    event = events("Glue Data Catalog Table State Change", "BatchCreatePartition")
    assert event["detail"]["changedPartitions"] == ["[monday, 1]", "[monday, 2]"]
    assert event["resources"] == [f"arn:aws:glue:us-east-1:000000000000:table/{database}/parts"]


def test_users_cannot_put_events_of_aws(local_cloud: RunningCloud) -> None:
    entry = {"Source": "aws.glue", "DetailType": "Glue Job State Change", "Detail": "{}"}
    answer = local_cloud.client("events").put_events(Entries=[entry])
    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"

"""The API's shapes, errors and limits, through boto3."""

import subprocess
import sys
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError
from local_cloud import base_services
from local_cloud.batch import containers, events, images, retry
from local_cloud.errors import ServiceError

from mlops_platform_tests.batch.conftest import EC2, Batch


def refused(call: Any, match: str, **arguments: Any) -> None:
    with pytest.raises(ClientError, match=match) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == "ClientException"


def test_environments(batch: Batch) -> None:
    name = batch.environment(maxvCpus=8)
    (found,) = batch.api.describe_compute_environments(computeEnvironments=[name])["computeEnvironments"]
    assert (found["state"], found["status"], found["computeResources"]["maxvCpus"]) == ("ENABLED", "VALID", 8)
    create = batch.api.create_compute_environment
    given = {"computeEnvironmentName": name, "type": "MANAGED", "computeResources": EC2}
    refused(create, "already exists", **given)
    refused(create, "computeResources must be provided", computeEnvironmentName="a", type="MANAGED")
    bad = {"type": "FARGATE", "maxvCpus": 4, "instanceTypes": ["optimal"], "subnets": ["s"]}
    refused(
        create, "not applicable for Fargate", computeEnvironmentName="a", type="MANAGED", computeResources=bad
    )
    refused(create, "valid pattern", **given | {"computeEnvironmentName": "no spaces"})
    queue = batch.queue(environments=[name])
    delete = batch.api.delete_compute_environment
    refused(delete, "must be in DISABLED state", computeEnvironment=name)
    batch.api.update_compute_environment(computeEnvironment=found["computeEnvironmentArn"], state="DISABLED")
    refused(delete, "found existing JobQueue relationship", computeEnvironment=name)
    refused(batch.api.delete_job_queue, "must be in DISABLED state", jobQueue=queue)
    batch.api.update_job_queue(jobQueue=queue, state="DISABLED")
    batch.api.delete_job_queue(jobQueue=queue)
    delete(computeEnvironment=name)
    assert not batch.api.describe_compute_environments(computeEnvironments=[name])["computeEnvironments"]


def test_queues_and_policies(batch: Batch) -> None:
    environment = batch.environment()
    create = batch.api.create_job_queue
    order = [{"order": 1, "computeEnvironment": environment}]
    refused(create, "priority", jobQueueName="q", priority=1001, computeEnvironmentOrder=order)
    refused(
        create,
        "does not exist",
        jobQueueName="q",
        priority=1,
        computeEnvironmentOrder=[order[0] | {"computeEnvironment": "nope"}],
    )
    refused(
        create,
        "at most 3",
        jobQueueName="q",
        priority=1,
        computeEnvironmentOrder=[order[0] | {"order": n} for n in range(4)],
    )
    action = {
        "state": "RUNNABLE",
        "action": "CANCEL",
        "maxTimeSeconds": 1,
        "reason": "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
    }
    refused(
        create,
        "600",
        jobQueueName="q",
        priority=1,
        computeEnvironmentOrder=order,
        jobStateTimeLimitActions=[action],
    )
    policy = batch.api.create_scheduling_policy(
        name=f"p-{uuid.uuid4().hex[:6]}", fairsharePolicy={}, tags={"a": "b"}
    )["arn"]
    fair = batch.queue(environments=[environment], schedulingPolicyArn=policy)
    plain = batch.queue(environments=[environment])
    (found,) = batch.api.describe_job_queues(jobQueues=[fair])["jobQueues"]
    assert (found["schedulingPolicyArn"], found["status"], found["jobQueueType"]) == (policy, "VALID", "ECS")
    refused(batch.api.update_job_queue, "cannot be added", jobQueue=plain, schedulingPolicyArn=policy)
    refused(batch.api.delete_scheduling_policy, "in use", arn=policy)
    assert policy in [entry["arn"] for entry in batch.api.list_scheduling_policies()["schedulingPolicies"]]
    (shown,) = batch.api.describe_scheduling_policies(arns=[policy])["schedulingPolicies"]
    assert shown["fairsharePolicy"] == {
        "shareDecaySeconds": 0,
        "computeReservation": 0,
        "shareDistribution": [],
    }
    overlap = [{"shareIdentifier": "a*"}, {"shareIdentifier": "ab"}]
    refused(
        batch.api.update_scheduling_policy,
        "overlaps",
        arn=policy,
        fairsharePolicy={"shareDistribution": overlap},
    )
    definition = batch.definition("true")
    submit = batch.api.submit_job
    job = {"jobName": "j", "jobDefinition": definition}
    refused(submit, "shareIdentifier must be given", jobQueue=fair, **job)
    refused(submit, "has none", jobQueue=plain, shareIdentifier="a", **job)


def test_definitions(batch: Batch) -> None:
    name = batch.definition("true")
    again = batch.api.register_job_definition(
        jobDefinitionName=name,
        type="container",
        containerProperties={"image": "x", "vcpus": 1, "memory": 128, "command": ["false"]},
        retryStrategy={"attempts": 3, "evaluateOnExit": [{"onExitCode": "1", "action": "RETRY"}]},
        timeout={"attemptDurationSeconds": 60},
        tags={"team": "ml"},
    )
    assert again["revision"] == 2
    found = batch.api.describe_job_definitions(jobDefinitionName=name, status="ACTIVE")["jobDefinitions"]
    assert [entry["revision"] for entry in found] == [2, 1]
    assert found[0]["tags"] == {"team": "ml"}
    assert found[0]["retryStrategy"]["attempts"] == 3
    batch.api.deregister_job_definition(jobDefinition=f"{name}:2")
    queue = batch.queue()
    job = batch.wait(batch.submit(queue, name))
    assert job["jobDefinition"].endswith(f"{name}:1")
    refused(
        batch.api.submit_job,
        "is not in ACTIVE status",
        jobName="j",
        jobQueue=queue,
        jobDefinition=f"{name}:2",
    )
    arn = again["jobDefinitionArn"]
    batch.api.tag_resource(resourceArn=arn, tags={"more": "tags"})
    batch.api.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert batch.api.list_tags_for_resource(resourceArn=arn)["tags"] == {"more": "tags"}
    refused(batch.api.list_tags_for_resource, "does not exist", resourceArn=f"{arn}9")
    refused(batch.api.tag_resource, "50 tags", resourceArn=arn, tags={str(n): "x" for n in range(50)})


@pytest.mark.parametrize(
    ("properties", "match"),
    [
        ({"image": ""}, "Image"),
        ({"environment": [{"name": "AWS_BATCH_X", "value": "1"}]}, "reserved"),
        ({"resourceRequirements": []}, "vCPUs is a required field"),
        ({"resourceRequirements": [{"type": "VCPU", "value": "1"}]}, "memory is a required field"),
        ({"volumes": [{"name": "v", "host": {"sourcePath": "/"}}]}, "volumes"),
        ({"privileged": True}, "privileged"),
        ({"user": "nobody-here"}, "user"),
        ({"logConfiguration": {"logDriver": "splunk"}}, "awslogs"),
        ({"ulimits": [{"name": "rss", "softLimit": 1, "hardLimit": 1}]}, "ulimits"),
    ],
)
def test_container_properties_that_are_refused(batch: Batch, properties: dict[str, Any], match: str) -> None:
    needs = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]
    given = {"image": "x", "command": ["true"], "resourceRequirements": needs} | properties
    register = batch.api.register_job_definition
    refused(register, match, jobDefinitionName="bad", type="container", containerProperties=given)


def test_definitions_that_are_refused(batch: Batch) -> None:
    register = batch.api.register_job_definition
    container = {"image": "x", "command": ["true"], "vcpus": 1, "memory": 64}
    given = {"jobDefinitionName": "bad", "type": "container", "containerProperties": container}
    refused(register, "at least 60", **given, timeout={"attemptDurationSeconds": 59})
    refused(register, "between 1 and 10", **given, retryStrategy={"attempts": 11})
    rules = [{"onExitCode": "1", "action": "RETRY"}] * 6
    refused(register, "at most 5", **given, retryStrategy={"attempts": 2, "evaluateOnExit": rules})
    refused(
        register,
        "nodeProperties",
        jobDefinitionName="bad",
        type="multinode",
        nodeProperties={"numNodes": 2, "mainNode": 0, "nodeRangeProperties": []},
    )
    refused(register, "24576", **given, parameters={"p": "x" * 25000})
    fargate = container | {"executionRoleArn": "arn:aws:iam::000000000000:role/r", "memory": 640}
    refused(
        register,
        "Fargate memory",
        **given | {"containerProperties": fargate},
        platformCapabilities=["FARGATE"],
    )


def test_submissions_that_are_refused(batch: Batch, queue: str) -> None:
    definition = batch.definition("true")
    submit = batch.api.submit_job
    given = {"jobName": "j", "jobQueue": queue, "jobDefinition": definition}
    refused(submit, "JobQueue nope not found", **given | {"jobQueue": "nope"})
    refused(submit, "does not exist or is not in ACTIVE status", **given | {"jobDefinition": "nope"})
    for size in (1, 10_001):
        refused(submit, "between 2 and 10000", **given, arrayProperties={"size": size})
    refused(submit, "at most 20", **given, dependsOn=[{"jobId": "x"}] * 21)
    refused(submit, "does not exist", **given, dependsOn=[{"jobId": str(uuid.uuid4())}])
    refused(submit, "array jobs only", **given, dependsOn=[{"type": "SEQUENTIAL"}])
    two = batch.submit(queue, definition, arrayProperties={"size": 2})
    refused(
        submit,
        "same size",
        **given,
        arrayProperties={"size": 3},
        dependsOn=[{"jobId": two, "type": "N_TO_N"}],
    )
    large = {"environment": [{"name": "A", "value": "x" * 8200}]}
    refused(submit, "Container Overrides length must be at most 8192", **given, containerOverrides=large)
    refused(submit, "payload", **given, parameters={"a": "x" * 31000})
    refused(
        submit,
        "reserved",
        **given,
        containerOverrides={"environment": [{"name": "AWS_BATCH_A", "value": "1"}]},
    )
    refused(submit, "valid pattern", **given | {"jobName": "no spaces"})
    disabled = batch.queue(state="DISABLED")
    refused(submit, "not in the ENABLED state", **given | {"jobQueue": disabled})
    refused(batch.api.describe_jobs, "at most 100", jobs=["x"] * 101)
    assert batch.api.describe_jobs(jobs=["nope", f"{two}:7"])["jobs"] == []


def test_listing(batch: Batch) -> None:
    queue, definition = batch.queue(), batch.definition("true")
    ids = [
        batch.api.submit_job(jobName=f"Name-{n % 2}", jobQueue=queue, jobDefinition=definition)["jobId"]
        for n in range(6)
    ]
    for job_id in ids:
        batch.wait(job_id)
    pages = batch.api.get_paginator("list_jobs").paginate(
        jobQueue=queue, jobStatus="SUCCEEDED", PaginationConfig={"PageSize": 4}
    )
    listed = [[job["jobId"] for job in page["jobSummaryList"]] for page in pages]
    assert [len(page) for page in listed] == [4, 2]
    assert [job for page in listed for job in page] == ids[::-1]
    assert batch.api.list_jobs(jobQueue=queue)["jobSummaryList"] == []

    def named(name: str, *values: str) -> int:
        answer = batch.api.list_jobs(jobQueue=queue, filters=[{"name": name, "values": list(values)}])
        return len(answer["jobSummaryList"])

    assert named("JOB_NAME", "name-1") == 3
    assert named("JOB_NAME", "NAME*") == 6
    assert named("JOB_DEFINITION", definition) == 6
    assert named("JOB_DEFINITION", f"{definition}:2") == 0
    created = batch.job(ids[2])["createdAt"]
    assert named("AFTER_CREATED_AT", str(created)) + named("BEFORE_CREATED_AT", str(created)) <= 5
    refused(batch.api.list_jobs, "Exactly one", jobStatus="FAILED")
    refused(batch.api.list_jobs, "filters", jobQueue=queue, filters=[{"name": "OTHER", "values": ["x"]}])
    refused(batch.api.list_jobs, "nextToken", jobQueue=queue, nextToken="nonsense")


def test_retry_rules() -> None:
    def again(rule: dict[str, str], code: int | None = 1, reason: str = "", words: str = "") -> bool:
        container = {"exitCode": code, "reason": reason} if code is not None else {"reason": reason}
        attempt = {"container": container, "statusReason": words}
        strategy = retry.checked({"attempts": 3, "evaluateOnExit": [rule]})
        return retry.again(strategy, attempt, 1)

    assert not again({"onExitCode": "1*", "action": "EXIT"}, 137)
    assert again({"onExitCode": "1", "action": "EXIT"}, 137)  # no match: Batch retries
    assert not again({"onReason": "*", "action": "exit"})
    assert not again(
        {"onStatusReason": "Host EC2*", "onExitCode": "1", "action": "EXIT"}, words="Host EC2 (x)"
    )
    assert again({"onStatusReason": "Host EC2*", "onReason": "other", "action": "EXIT"}, words="Host EC2 (x)")
    assert not retry.again({"attempts": 2}, {}, 2)
    with pytest.raises(ServiceError, match="not a valid pattern"):
        retry.checked({"attempts": 2, "evaluateOnExit": [{"onExitCode": "one", "action": "EXIT"}]})


def test_parameters_are_put_into_the_command() -> None:
    given = {"a": "1", "b-c": "two"}
    assert containers.substitute(["Ref::a", "x=Ref::b-c", "Ref::none", "a"], given) == [
        "1",
        "x=two",
        "Ref::none",
        "a",
    ]


def test_images() -> None:
    assert images.prefix("any", {}) == sys.prefix
    mapping = {"LOCAL_CLOUD_BATCH_IMAGES": f'{{"*/train:*": "{sys.prefix}", "own": "", "gone": "/nowhere"}}'}
    assert images.prefix("repo/train:1", mapping) == sys.prefix
    assert images.prefix("own", mapping) == sys.prefix
    for image in ("other", "gone"):
        with pytest.raises(images.ImageError, match=f"CannotPullContainerError.*{image}"):
            images.prefix(image, mapping)
    with pytest.raises(images.ImageError, match="not a JSON object"):
        images.prefix("x", {"LOCAL_CLOUD_BATCH_IMAGES": "[]"})


def test_ministack_has_the_door_events_enter_by() -> None:
    assert set(events.HOOKS) <= set(base_services.HOOKS["ministack.services.eventbridge"])
    assert not base_services.contract_breaches()


def test_the_host_imports_the_standard_library_only() -> None:
    code = (
        "import sys, local_cloud.batch.host.loop; "
        "print([m for m in sys.modules if m.partition('.')[0] in ('boto3', 'botocore', 'sqlite3', 'asyncio')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

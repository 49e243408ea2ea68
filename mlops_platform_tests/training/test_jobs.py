"""The entry point as Batch starts it: real processes, real signals."""

import signal
import subprocess
from collections.abc import Callable
from typing import Any

from mlops_platform.payloads.training.platform_training import objects

from .conftest import Bucket, as_arguments, tiny_settings


def wait_for(process: "subprocess.Popen[str]", text: str) -> None:
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if text in line:
            return
    raise AssertionError(f"It ended without {text!r}: {said}")


def test_a_job_killed_twice_ends_as_one_that_was_not(
    bucket: Bucket, table: str, new_bucket: Callable[[str], Bucket], train_in: Callable[..., dict[str, Any]]
) -> None:
    whole = train_in(new_bucket("undisturbed-job"), epochs=4)
    command = as_arguments(tiny_settings(bucket, table, epochs=4, checkpoint_every=6))
    importing = bucket.start(*command)
    wait_for(importing, '"data"')  # torch is imported next, which takes seconds
    importing.send_signal(signal.SIGTERM)
    assert importing.wait(60) == 143
    training = bucket.start(*command)
    wait_for(training, '"checkpoint"')
    training.send_signal(signal.SIGKILL)
    assert training.wait(60) == -signal.SIGKILL
    said = bucket.run(*command)
    assert '"resumed_at"' in said
    assert objects.read_json(bucket / "out/result.json")["version"] == whole["version"]
    assert bucket.keys("checkpoints") == []


def test_two_processes_train_what_one_does(
    bucket: Bucket, table: str, train_in: Callable[..., dict[str, Any]], new_bucket: Callable[[str], Bucket]
) -> None:
    alone = train_in(new_bucket("one-process"), epochs=1, registry="")
    settings = tiny_settings(bucket, table, epochs=1, registry="", processes=2)
    bucket.run(*as_arguments(settings))
    both = bucket.json("out/result.json")
    assert both["about"]["processes"] == 2
    for mine, theirs in zip(alone["metrics"]["curve"], both["metrics"]["curve"], strict=True):
        assert abs(mine["validation_loss"] - theirs["validation_loss"]) < 1e-4


def test_a_wrong_setting_ends_the_job_with_a_code_that_is_not_retried(bucket: Bucket) -> None:
    said = bucket.run(
        "train", "--data", bucket / "x/", "--output", bucket / "out", code=2, TRAINING_EPOCHS="many"
    )
    assert "epochs is 'many'; it must be a whole number" in said
    assert "Traceback" not in said
    said = bucket.run("train", "--data", bucket / "nothing/", "--output", bucket / "out", code=2)
    assert "There is no Parquet file under" in said

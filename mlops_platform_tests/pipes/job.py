"""What the tests' jobs do: ``python job.py PART``. Objects under the test's prefix tell them when to go on."""

import os
import signal
import sys
import time

from platform_pipes import array_index, array_key, objects, open_batch_pipes, report_metrics

BUCKET, PREFIX = os.environ["TEST_BUCKET"], os.environ["TEST_PREFIX"]
ATTEMPT = int(os.environ["AWS_BATCH_JOB_ATTEMPT"])


def write(name: str, text: str = "") -> None:
    """Tell the test something."""
    objects.client().put_object(Bucket=BUCKET, Key=f"{PREFIX}/{name}", Body=text.encode())


def keys(name: str) -> list[str]:
    """The objects under a name of the test's."""
    answer = objects.client().list_objects_v2(Bucket=BUCKET, Prefix=f"{PREFIX}/{name}")
    return [item["Key"] for item in answer.get("Contents", ())]


def wait(name: str) -> None:
    """Go on once the test has written an object of that name."""
    while not keys(name):
        time.sleep(0.1)


def metrics() -> None:
    """Reports as a training does, and ends when told to."""
    write(f"started-{os.environ['AWS_BATCH_JOB_ID']}")
    with open_batch_pipes() as pipes:
        report_metrics(step=1, loss=0.5)
        pipes.log.info(f"lives with {pipes.extras['epochs']}")
        wait("go-on")
        report_metrics(step=2, loss=float("nan"))
        pipes.report_asset_materialization(metadata={"rows": 7}, data_version="v1")


def attempts() -> None:
    """Dies in its first attempt after having said much."""
    with open_batch_pipes() as pipes:
        for number in range(20):
            pipes.log.info(f"line {number} of attempt {ATTEMPT}")
        pipes.report_asset_materialization(metadata={"attempt": ATTEMPT})
        if ATTEMPT == 1:
            os.kill(os.getpid(), signal.SIGTERM)
            raise AssertionError("SIGTERM did not end it")


def child() -> None:
    """A child of an array; 1 and 3 fail as often as they are told to."""
    index = array_index()
    with open_batch_pipes() as pipes:
        pipes.log.info(f"child {index} of {os.environ.get('AWS_BATCH_JOB_ARRAY_SIZE', 'none')}")
        if "failing" in pipes.extras:
            write(f"ran/{index}/{os.environ['AWS_BATCH_JOB_ID']}")
        if index in (1, 3) and len(keys(f"ran/{index}/")) <= pipes.extras.get("failing", -1):
            print(f"child {index} gives up")
            raise SystemExit(3)
        report_metrics(score=index * 10)
        pipes.report_asset_materialization(metadata={"index": index}, data_version=str(index))


def partition() -> None:
    """Works on a partition."""
    with open_batch_pipes() as pipes:
        report_metrics(rows=len(array_key()))
        pipes.report_asset_materialization(metadata={"key": array_key()})


def fail() -> None:
    """Ends badly, with something in the log."""
    print("the disk is made of cheese", flush=True)
    raise SystemExit(4)


def stay() -> None:
    """Stays until it is ended."""
    write(f"started-{os.environ['AWS_BATCH_JOB_ID']}")
    with open_batch_pipes():
        time.sleep(300)


if __name__ == "__main__":
    {f.__name__: f for f in (metrics, attempts, child, partition, fail, stay)}[sys.argv[1]]()

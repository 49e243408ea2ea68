"""The physical names of what is provisioned on a laptop."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Names:
    """Names that do not depend on the declaration, and how the others are built."""

    raw_bucket: str = "mlops-raw"
    lake_bucket: str = "mlops-lake"
    artifacts_bucket: str = "mlops-artifacts"
    workgroup: str = "mlops"
    glue_role: str = "mlops-glue"

    def queue(self, source: str) -> str:
        """The queue of a source's object events; SQS allows letters, digits, `-` and `_`."""
        return f"mlops-{_plain(source)}-events"

    def dead_letter_queue(self, source: str) -> str:
        """Where messages go that were received five times and never deleted."""
        return f"{self.queue(source)}-dlq"

    def rule(self, source: str) -> str:
        """The EventBridge rule that feeds the source's queue."""
        return self.queue(source)

    def job(self, declared: str) -> str:
        """The physical name of a declared Glue job."""
        return f"mlops-{declared}"


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name)

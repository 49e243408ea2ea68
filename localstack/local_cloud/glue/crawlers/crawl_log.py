"""A crawl's lines in CloudWatch Logs: group ``/aws-glue/crawlers``, one stream a crawler."""

import logging
import time

from local_cloud.cloud import Cloud

log = logging.getLogger(__name__)
GROUP = "/aws-glue/crawlers"
_BATCH = 1000


class CrawlLog:
    """Collects lines and sends them on; a failure is told in the local cloud's own log, never to the crawl."""

    def __init__(self, cloud: Cloud, crawler: str, run_id: str) -> None:
        self._client = cloud.client("logs")
        self._stream, self._run_id = crawler, run_id
        self._lines: list[tuple[int, str]] = []
        self._created = False

    def __call__(self, line: str) -> None:
        """One line, e.g. ``INFO : Created table t in database d``."""
        self._lines.append((int(time.time() * 1000), f"[{self._run_id}] {line}"))
        if len(self._lines) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Send what was collected."""
        lines, self._lines = self._lines, []
        if not lines:
            return
        events = [{"timestamp": moment, "message": text} for moment, text in lines]
        try:
            if not self._created:
                self._create()
            self._client.put_log_events(logGroupName=GROUP, logStreamName=self._stream, logEvents=events)
        except Exception:
            log.exception("The log of crawler %s could not be sent to CloudWatch Logs.", self._stream)

    def _create(self) -> None:
        for create, names in (
            (self._client.create_log_group, {"logGroupName": GROUP}),
            (self._client.create_log_stream, {"logGroupName": GROUP, "logStreamName": self._stream}),
        ):
            try:
                create(**names)
            except self._client.exceptions.ResourceAlreadyExistsException:
                continue
        self._created = True

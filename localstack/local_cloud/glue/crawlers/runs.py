"""Running crawlers: a thread a crawl, its state on disk."""

import json
import logging
import threading
import uuid
from collections import Counter
from typing import Any

from local_cloud.errors import ServiceError
from local_cloud.glue.clock import Start
from local_cloud.glue.crawlers.api import KIND, CrawlerDefinitions
from local_cloud.glue.crawlers.crawl import Cancelled, CrawlFailed, crawl
from local_cloud.glue.crawlers.crawl_log import GROUP, CrawlLog
from local_cloud.glue.store import dumps, loads, now

log = logging.getLogger(__name__)
Shape = dict[str, Any]
# CrawlerHistory's word for a state, LastCrawl's word for it.
_LAST = {"COMPLETED": "SUCCEEDED", "FAILED": "FAILED", "STOPPED": "CANCELLED"}


class Crawlers(CrawlerDefinitions):
    """Start and stop crawlers."""

    _stops: dict[str, threading.Event]
    _crawling: dict[str, threading.Thread]
    _closing_crawls = False

    def start_crawler(self, *, Name: str) -> Shape:
        """Raises: ``CrawlerRunningException``, ``EntityNotFoundException``."""
        with self.store.write():
            start = self.begin_crawl(Name)
        start()
        return {}

    def stop_crawler(self, *, Name: str) -> Shape:
        """Ask the running crawl to stop. Raises: ``CrawlerNotRunningException``, ``CrawlerStoppingException``."""
        with self.store.write() as db:
            state = self.crawler(Name)["State"]
            if state == "READY":
                raise ServiceError("CrawlerNotRunningException", f"Crawler with name {Name} isn't running")
            if state == "STOPPING":
                raise ServiceError("CrawlerStoppingException", f"Crawler with name {Name} is stopping")
            db.execute("UPDATE crawlers SET state = 'STOPPING' WHERE name = ?", (Name,))
        self._stops[Name].set()
        return {}

    def begin_crawl(self, name: str, trigger: str | None = None, workflow_run: str | None = None) -> Start:
        """Record a new crawl inside the caller's transaction; call the result once that is on disk.

        Raises:
            ServiceError: ``CrawlerRunningException``, ``EntityNotFoundException``.
        """
        run_id, started = str(uuid.uuid4()), now()
        body: Shape = {
            "CrawlId": run_id,
            "State": "RUNNING",
            "StartTime": started,
            "LogGroup": GROUP,
            "LogStream": name,
            "MessagePrefix": run_id,
        }
        if trigger:
            body |= {"TriggerName": trigger, "WorkflowRunId": workflow_run or ""}
        with self.store.write() as db:
            crawler = self._idle(name)
            db.execute("UPDATE crawlers SET state = 'RUNNING' WHERE name = ?", (name,))
            db.execute(
                "INSERT INTO crawls (crawler, id, state, body) VALUES (?, ?, 'RUNNING', ?)",
                (name, run_id, dumps(body)),
            )
            detail = {"startTime": _iso(started), "state": "Started", "message": "Crawler Started"}
            self._tell(name, detail)
        stop = self._stops[name] = threading.Event()

        def start() -> None:
            thread = threading.Thread(
                target=self._crawl, args=(crawler, body, stop), name=f"glue-crawl-{name}"[:15], daemon=True
            )
            self._crawling[run_id] = thread
            thread.start()

        return start

    def recover_crawls(self) -> list[Start]:
        """Crawls that an earlier process left unfinished have failed."""
        starts: list[Start] = []
        for name, body in self.store.read("SELECT crawler, body FROM crawls WHERE state = 'RUNNING'"):
            stopped = self.crawler(name)["State"] == "STOPPING"
            final: Shape = {"State": "STOPPED" if stopped else "FAILED"}
            if not stopped:
                final["ErrorMessage"] = (
                    "The local cloud ended while this crawl was under way; start it again."
                )
            starts += self._end(name, loads(body), final, Counter())
        return starts

    def close_crawls(self) -> None:
        """Stop the running crawls; the next process records them as failed."""
        self._closing_crawls = True
        for stop in list(self._stops.values()):
            stop.set()
        for thread in list(self._crawling.values()):
            thread.join(10)

    def table_or_none(self, database: str, name: str) -> Shape | None:
        """A table, if it is there."""
        try:
            return self.table(database, name)[1]
        except ServiceError:
            return None

    def tables_of(self, database: str) -> list[Shape]:
        """All tables of a database."""
        rows = self.store.read(
            "SELECT version, body FROM tables WHERE database = ? ORDER BY name", (database.lower(),)
        )
        return [{**loads(body), "VersionId": str(version)} for version, body in rows]

    def seen_folders(self, crawler: str) -> set[str]:
        """What earlier runs of a crawler looked at."""
        rows = self.store.read("SELECT folder FROM crawled_folders WHERE crawler = ?", (crawler,))
        return {folder for (folder,) in rows}

    def keep_folders(self, crawler: str, folders: set[str]) -> None:
        """Remember what was looked at."""
        with self.store.write() as db:
            db.executemany(
                "INSERT OR IGNORE INTO crawled_folders VALUES (?, ?)",
                [(crawler, folder) for folder in folders],
            )

    def _crawl(self, crawler: Shape, body: Shape, stop: threading.Event) -> None:
        name, run_id = crawler["Name"], body["CrawlId"]
        lines = CrawlLog(self.cloud, name, run_id)
        counts: Counter[str] = Counter()
        lines(f"BENCHMARK : Running Start Crawl for Crawler {name}")
        lines(
            f"INFO : Crawler configured with SchemaChangePolicy {json.dumps(crawler['SchemaChangePolicy'])}."
        )
        try:
            classifiers = [self.classifier(each) for each in crawler["Classifiers"]]
            counts = crawl(self, crawler, classifiers, run_id, lines, stop.is_set)
            final: Shape = {"State": "COMPLETED"}
        except Cancelled:
            final = {"State": "STOPPED"}
        except (CrawlFailed, ServiceError) as error:
            message = error.message if isinstance(error, ServiceError) else str(error)
            final = {"State": "FAILED", "ErrorMessage": message}
        except Exception as error:
            log.exception("Crawl %s of crawler %s", run_id, name)
            final = {"State": "FAILED", "ErrorMessage": f"Internal Service Exception: {error}"}
        if self._closing_crawls:
            return
        if "ErrorMessage" in final:
            lines(f"ERROR : {final['ErrorMessage']}")
        lines("BENCHMARK : Crawler has finished running and is in state READY")
        lines.flush()
        try:
            starts = self._end(name, body, final, counts)
        finally:
            self._crawling.pop(run_id, None)
        for start in starts:
            start()

    def _end(self, name: str, body: Shape, final: Shape, counts: Counter[str]) -> list[Start]:
        ended = now()
        summary = {
            what.upper(): {"Details": {verb: counts[f"{what}s {done}"] for verb, done in _VERBS}}
            for what in ("table", "partition")
        }
        done = (
            body
            | final
            | {"EndTime": ended, "Counts": dict(counts), "Summary": json.dumps(summary), "DPUHour": 0.0}
        )
        last = {"Status": _LAST[done["State"]], "StartTime": body["StartTime"]}
        last |= {
            key: done[key]
            for key in ("ErrorMessage", "LogGroup", "LogStream", "MessagePrefix")
            if key in done
        }
        with self.store.write() as db:
            db.execute(
                "UPDATE crawls SET state = ?, body = ? WHERE id = ?",
                (done["State"], dumps(done), done["CrawlId"]),
            )
            crawler = self.crawler(name)
            elapsed = int((ended - body["StartTime"]).total_seconds() * 1000)
            self._save(crawler | {"LastCrawl": last, "CrawlElapsedTime": elapsed})
            db.execute("UPDATE crawlers SET state = 'READY' WHERE name = ?", (name,))
            self._tell(name, _detail(done, counts))
            return self.ended(KIND, name, last["Status"], done)

    def _tell(self, name: str, detail: Shape) -> None:
        console = f"https://console.aws.amazon.com/cloudwatch/home?region={self.cloud.region}"
        link = f"{console}#logEventViewer:group={GROUP};stream={name}"
        whole = {"accountId": self.cloud.account_id, "crawlerName": name, "cloudWatchLogLink": link, **detail}
        self.outbox.add("Glue Crawler State Change", whole)


_VERBS = (("ADD", "created"), ("UPDATE", "updated"), ("DELETE", "deleted"))


def _detail(done: Shape, counts: Counter[str]) -> Shape:
    if done["State"] != "COMPLETED":
        message = done.get("ErrorMessage", "The crawl was stopped.")
        return {"state": "Failed", "message": "Crawler Failed", "errorMessage": message}
    numbers = {
        f"{what}s{verb.title()}": str(counts[f"{what}s {verb}"])
        for what in ("table", "partition")
        for _, verb in _VERBS
    }
    seconds = (done["EndTime"] - done["StartTime"]).total_seconds()
    return {
        "state": "Succeeded",
        "message": "Crawler Succeeded",
        "completionDate": _iso(done["EndTime"]),
        "runningTime (sec)": str(int(seconds)),
        "warningMessage": "N/A",
        **numbers,
    }


def _iso(moment: Any) -> str:
    return str(moment.strftime("%Y-%m-%dT%H:%M:%SZ"))

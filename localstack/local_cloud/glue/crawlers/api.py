"""Crawlers (https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-crawler-crawling.html): definitions and lists."""

import statistics
from typing import Any

from local_cloud.errors import ServiceError
from local_cloud.glue.base import exists, invalid, not_found, page
from local_cloud.glue.clock import Clock
from local_cloud.glue.crawlers.classifiers import Classifiers
from local_cloud.glue.crawlers.options import definition
from local_cloud.glue.store import decode_token, dumps, encode_token, loads, now

Shape = dict[str, Any]
KIND = "crawler"


class CrawlerDefinitions(Classifiers):
    """Create, read, update and delete crawlers and their schedules."""

    clock: Clock

    def create_crawler(
        self,
        *,
        Name: str,
        Schedule: str | None = None,
        Tags: Shape | None = None,
        CatalogId: str | None = None,
        **members: Any,
    ) -> Shape:
        """Raises: ``AlreadyExistsException``, ``EntityNotFoundException``, ``InvalidInputException``."""
        self.check_catalog(CatalogId)
        moment = now()
        crawler = definition(Name, members)
        for classifier in crawler["Classifiers"]:
            self.classifier(classifier)
        crawler |= {"CreationTime": moment, "LastUpdated": moment, "Version": 1, "CrawlElapsedTime": 0}
        with self.store.write() as db:
            if db.execute("SELECT 1 FROM crawlers WHERE name = ?", (Name,)).fetchone():
                raise exists(f"Crawler with name {Name} already exists")
            self._schedule(crawler, Schedule)
            db.execute("INSERT INTO crawlers VALUES (?, 'READY', ?)", (Name, dumps(crawler)))
            for tag, value in (Tags or {}).items():
                db.execute("INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", (self.arn(KIND, Name), tag, value))
        return {}

    def update_crawler(
        self, *, Name: str, Schedule: str | None = None, CatalogId: str | None = None, **members: Any
    ) -> Shape:
        """Change the members given. Raises: ``CrawlerRunningException``, ``EntityNotFoundException``."""
        self.check_catalog(CatalogId)
        with self.store.write():
            old = self._idle(Name)
            given = {key: value for key, value in members.items() if value is not None}
            crawler = {**old, **definition(Name, {**old, **given})}
            for classifier in crawler["Classifiers"]:
                self.classifier(classifier)
            if Schedule is not None:
                self._schedule(crawler, Schedule)
            self._save(crawler | {"LastUpdated": now(), "Version": old["Version"] + 1})
        return {}

    def delete_crawler(self, *, Name: str) -> Shape:
        """Delete a crawler with its history; its tables stay. Raises: ``CrawlerRunningException``."""
        with self.store.write() as db:
            self._idle(Name)
            self.clock.set(KIND, Name, None)
            db.execute("DELETE FROM crawlers WHERE name = ?", (Name,))
            db.execute("DELETE FROM crawls WHERE crawler = ?", (Name,))
            db.execute("DELETE FROM crawled_folders WHERE crawler = ?", (Name,))
            db.execute("DELETE FROM tags WHERE arn = ?", (self.arn(KIND, Name),))
        return {}

    def get_crawler(self, *, Name: str) -> Shape:
        """Raises: ``EntityNotFoundException``."""
        return {"Crawler": self._answer(self.crawler(Name))}

    def get_crawlers(self, *, MaxResults: int | None = None, NextToken: str | None = None) -> Shape:
        """A page of crawlers by name."""
        names, token = self._names(MaxResults, NextToken, None)
        return page("Crawlers", [self._answer(self.crawler(name)) for name in names], token)

    def list_crawlers(
        self, *, MaxResults: int | None = None, NextToken: str | None = None, Tags: Shape | None = None
    ) -> Shape:
        """A page of crawler names, of those that carry all the tags."""
        return page("CrawlerNames", *self._names(MaxResults, NextToken, Tags))

    def batch_get_crawlers(self, *, CrawlerNames: list[str]) -> Shape:
        """The crawlers that exist, and the names of those that do not."""
        known = {row[0] for row in self.store.read("SELECT name FROM crawlers")}
        return {
            "Crawlers": [self._answer(self.crawler(name)) for name in CrawlerNames if name in known],
            "CrawlersNotFound": [name for name in CrawlerNames if name not in known],
        }

    def list_crawls(
        self,
        *,
        CrawlerName: str,
        MaxResults: int | None = None,
        Filters: list[Shape] | None = None,
        NextToken: str | None = None,
    ) -> Shape:
        """A page of a crawler's runs, the newest first."""
        self.crawler(CrawlerName)
        position = decode_token(NextToken)
        limit = MaxResults or 20
        rows = self.store.read(
            "SELECT seq, body FROM crawls WHERE crawler = ? AND seq < ? ORDER BY seq DESC",
            (CrawlerName, position[0] if position else 2**62),
        )
        kept = [
            (seq, body) for seq, body in ((seq, loads(body)) for seq, body in rows) if _passes(body, Filters)
        ]
        token = encode_token(kept[limit - 1][0]) if len(kept) > limit else None
        hidden = ("TriggerName", "WorkflowRunId", "Counts")
        shown = [{k: v for k, v in body.items() if k not in hidden} for _, body in kept[:limit]]
        return page("Crawls", shown, token)

    def get_crawler_metrics(
        self,
        *,
        CrawlerNameList: list[str] | None = None,
        MaxResults: int | None = None,
        NextToken: str | None = None,
    ) -> Shape:
        """Run times in seconds and what the last run changed."""
        names, token = (
            (CrawlerNameList, None) if CrawlerNameList else self._names(MaxResults, NextToken, None)
        )
        return page("CrawlerMetricsList", [self._metrics(name) for name in names], token)

    def update_crawler_schedule(self, *, CrawlerName: str, Schedule: str | None = None) -> Shape:
        """Raises: ``EntityNotFoundException``, ``InvalidInputException``."""
        with self.store.write():
            crawler = self.crawler(CrawlerName)
            self._schedule(crawler, Schedule or "")
            self._save(crawler | {"LastUpdated": now(), "Version": crawler["Version"] + 1})
        return {}

    def start_crawler_schedule(self, *, CrawlerName: str) -> Shape:
        """Raises: ``NoScheduleException``, ``SchedulerRunningException``."""
        return self._switch(CrawlerName, "SCHEDULED")

    def stop_crawler_schedule(self, *, CrawlerName: str) -> Shape:
        """Raises: ``SchedulerNotRunningException``."""
        return self._switch(CrawlerName, "NOT_SCHEDULED")

    def crawler(self, name: str) -> Shape:
        """The stored ``Crawler`` with its ``State``.

        Raises:
            ServiceError: ``EntityNotFoundException``.
        """
        row = self.store.one("SELECT state, body FROM crawlers WHERE name = ?", (name,))
        if row is None:
            raise not_found(f"Crawler entry with name {name} does not exist")
        return {**loads(row[1]), "State": row[0]}

    def _idle(self, name: str) -> Shape:
        crawler = self.crawler(name)
        if crawler["State"] != "READY":
            raise ServiceError("CrawlerRunningException", f"Crawler with name {name} is currently running")
        return crawler

    def _save(self, crawler: Shape) -> None:
        body = {key: value for key, value in crawler.items() if key != "State"}
        with self.store.write() as db:
            db.execute("UPDATE crawlers SET body = ? WHERE name = ?", (dumps(body), crawler["Name"]))

    def _schedule(self, crawler: Shape, expression: str | None) -> None:
        self.clock.set(KIND, crawler["Name"], expression or None)
        crawler.pop("Schedule", None)
        if expression:
            crawler["Schedule"] = {"ScheduleExpression": expression, "State": "SCHEDULED"}

    def _switch(self, name: str, state: str) -> Shape:
        with self.store.write():
            crawler = self.crawler(name)
            schedule = crawler.get("Schedule")
            if schedule is None:
                code = "NoScheduleException" if state == "SCHEDULED" else "SchedulerNotRunningException"
                raise ServiceError(code, f"Crawler {name} has no schedule.")
            if schedule["State"] == state:
                code = "SchedulerRunningException" if state == "SCHEDULED" else "SchedulerNotRunningException"
                raise ServiceError(code, f"The schedule of crawler {name} is {state} already.")
            expression = schedule["ScheduleExpression"] if state == "SCHEDULED" else None
            self.clock.set(KIND, name, expression)
            self._save({**crawler, "Schedule": {**schedule, "State": state}})
        return {}

    def _answer(self, crawler: Shape) -> Shape:
        if crawler["State"] != "READY":
            row = self.store.one(
                "SELECT body FROM crawls WHERE crawler = ? ORDER BY seq DESC LIMIT 1", (crawler["Name"],)
            )
            if row:
                elapsed = now() - loads(row[0])["StartTime"]
                crawler["CrawlElapsedTime"] = int(elapsed.total_seconds() * 1000)
        return crawler

    def _names(
        self, limit: int | None, token: str | None, tags: Shape | None
    ) -> tuple[list[str], str | None]:
        position = decode_token(token)
        after = position[0] if position else ""
        rows = self.store.read("SELECT name FROM crawlers WHERE name > ? ORDER BY name", (after,))
        names = [
            name
            for (name,) in rows
            if not tags or tags.items() <= self.get_tags(ResourceArn=self.arn(KIND, name))["Tags"].items()
        ]
        size = limit or 100
        return names[:size], encode_token(names[size - 1]) if len(names) > size else None

    def _metrics(self, name: str) -> Shape:
        crawler = self.crawler(name)
        bodies = [
            loads(body)
            for (body,) in self.store.read("SELECT body FROM crawls WHERE crawler = ? ORDER BY seq", (name,))
        ]
        done = [body for body in bodies if "EndTime" in body]
        seconds = [(body["EndTime"] - body["StartTime"]).total_seconds() for body in done]
        counts = done[-1].get("Counts", {}) if done else {}
        return {
            "CrawlerName": name,
            "TimeLeftSeconds": 0.0,
            "StillEstimating": crawler["State"] == "RUNNING",
            "LastRuntimeSeconds": seconds[-1] if seconds else 0.0,
            "MedianRuntimeSeconds": statistics.median(seconds) if seconds else 0.0,
            **{
                f"Tables{kind.title()}": counts.get(f"tables {kind}", 0)
                for kind in ("created", "updated", "deleted")
            },
        }


def _passes(crawl: Shape, filters: list[Shape] | None) -> bool:
    for wanted in filters or []:
        field, operator, text = (
            wanted.get("FieldName"),
            wanted.get("FilterOperator"),
            wanted.get("FieldValue"),
        )
        have: Any
        want: Any
        if field in ("CRAWL_ID", "STATE"):
            have, want = crawl["CrawlId" if field == "CRAWL_ID" else "State"], text
        else:
            have, want = _number_of(crawl, str(field)), _milliseconds(text)
        tests = {"EQ": have == want, "NE": have != want}
        if isinstance(have, float) and isinstance(want, float):
            tests |= {"GT": have > want, "GE": have >= want, "LT": have < want, "LE": have <= want}
        if not tests.get(str(operator), False):
            return False
    return True


def _number_of(crawl: Shape, field: str) -> float:
    if field == "DPU_HOUR":
        return float(crawl.get("DPUHour", 0.0))
    moment = crawl.get("StartTime" if field == "START_TIME" else "EndTime")
    return moment.timestamp() * 1000 if moment else 0.0


def _milliseconds(text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError:
        raise invalid(f"ListCrawls: '{text}' is not a number.") from None

"""A workflow as nodes and edges, and the figures of one of its runs."""

import hashlib
from collections import Counter
from typing import Any

Shape = dict[str, Any]
_FIGURE = {
    "SUCCEEDED": "SucceededActions", "FAILED": "FailedActions", "TIMEOUT": "TimeoutActions",
    "STOPPED": "StoppedActions", "CANCELLED": "StoppedActions", "ERROR": "ErroredActions",
    "WAITING": "WaitingActions", "STARTING": "RunningActions", "RUNNING": "RunningActions",
    "STOPPING": "RunningActions",
}  # fmt: skip


def node_id(workflow: str, kind: str, name: str) -> str:
    """A node's ``UniqueId``: the same in every run."""
    return "wnode_" + hashlib.sha256(f"{workflow}/{kind}/{name}".encode()).hexdigest()


def target(entry: Shape) -> tuple[str, str]:
    """The (type, name) of the node that an action or a condition names."""
    return ("JOB", entry["JobName"]) if entry.get("JobName") else ("CRAWLER", entry["CrawlerName"])


def graph(workflow: str, triggers: list[Shape], runs: dict[tuple[str, str], list[Shape]] | None) -> Shape:
    """The ``WorkflowGraph``; with ``runs`` (by node) that of a workflow run."""
    nodes: dict[tuple[str, str], Shape] = {}
    edges: list[Shape] = []
    for trigger in triggers:
        own = ("TRIGGER", trigger["Name"])
        nodes[own] = _node(workflow, own) | {"TriggerDetails": {"Trigger": trigger}}
        conditions = (trigger.get("Predicate") or {}).get("Conditions") or []
        links = [(target(condition), own) for condition in conditions]
        links += [(own, target(action)) for action in trigger["Actions"]]
        for link in links:
            for end in link:
                nodes.setdefault(end, _node(workflow, end))
            edge = {"SourceId": node_id(workflow, *link[0]), "DestinationId": node_id(workflow, *link[1])}
            if edge not in edges:
                edges.append(edge)
    for key, found in (runs or {}).items():
        if key in nodes and found:
            details, member = ("JobDetails", "JobRuns") if key[0] == "JOB" else ("CrawlerDetails", "Crawls")
            nodes[key][details] = {member: found}
    return {"Nodes": list(nodes.values()), "Edges": edges}


def _node(workflow: str, key: tuple[str, str]) -> Shape:
    return {"Type": key[0], "Name": key[1], "UniqueId": node_id(workflow, *key)}


def figures(triggers: list[Shape], states: list[str]) -> Shape:
    """``WorkflowRunStatistics`` from the states of the run's actions."""
    total = len({target(action) for trigger in triggers for action in trigger["Actions"]})
    counted = Counter(_FIGURE[state] for state in states)
    return {
        "TotalActions": max(total, len(states)),
        **{name: counted[name] for name in set(_FIGURE.values())},
    }


def downstream(triggers: list[Shape], nodes: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The nodes and all jobs and crawlers that wait for them, directly or not."""
    reached = set(nodes)
    while True:
        more = {
            target(action)
            for trigger in triggers
            if any(target(c) in reached for c in (trigger.get("Predicate") or {}).get("Conditions") or [])
            for action in trigger["Actions"]
        }
        if more <= reached:
            return reached
        reached |= more

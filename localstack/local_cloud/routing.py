"""Which service a request is for, read off its signature; and requests that must not be served."""

import re
from urllib.parse import parse_qs, urlsplit

BASE_SERVICES = frozenset(
    {
        "s3",
        "s3-control",
        "sqs",
        "sns",
        "events",
        "scheduler",
        "lambda",
        "states",
        "logs",
        "monitoring",
        "iam",
        "sts",
        "secretsmanager",
        "ssm",
        "kms",
        "tagging",
    }
)
"""What MiniStack serves here. Its others answer success without doing the work: refused."""

_SCOPE = re.compile(r"Credential=[^/,\s]+/\d{8}/([^/,\s]+)/([^/,\s]+)/aws4_request")
_LOOPBACK_HOST = re.compile(
    r"(localhost|127\.0\.0\.1|\[::1\]|.+\.localhost|.+\.localhost\.localstack\.cloud|.+\.amazonaws\.com)(:\d+)?",
    re.IGNORECASE,
)


def signed_service(headers: dict[str, str], query: str) -> str | None:
    """The service in a request's SigV4 scope (header or presigned query), or None for an unsigned request.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
    """
    found = _SCOPE.search(headers.get("authorization", ""))
    if found:
        return found.group(2)
    if "X-Amz-Credential=" in query:
        parts = parse_qs(query).get("X-Amz-Credential", [""])[0].split("/")
        if len(parts) == 5 and parts[4] == "aws4_request":
            return parts[3]
    return "s3" if headers.get("authorization", "").startswith("AWS ") or "AWSAccessKeyId=" in query else None


def refusal(headers: dict[str, str], path: str) -> str | None:
    """Why a request may not be served at all, or None.

    A web page may not reach into the local cloud: neither across origins nor by a DNS name it
    points at the loopback address.
    """
    host = headers.get("host", "127.0.0.1")
    if not _LOOPBACK_HOST.fullmatch(host):
        return f"The Host header names {host!r}; the local cloud answers to localhost and 127.0.0.1 only."
    origin = headers.get("origin")
    if origin and not _LOOPBACK_HOST.fullmatch(urlsplit(origin).netloc):
        return f"Requests from the web origin {origin!r} are not served."
    if path.startswith("/_ministack/") and not path.endswith("/health"):
        return f"{path} is closed; use `python -m local_cloud reset` to empty the local cloud."
    return None


def mutates(service: str, method: str, path: str, query: str, action: str) -> bool:
    """Whether a request may change the control-plane state of a base service.

    S3's object bytes and their metadata are written by MiniStack before it answers; only bucket
    configuration and object deletes that reach other services matter here.
    """
    if service == "s3":
        return method in ("PUT", "POST", "DELETE") and (
            "/" not in path.strip("/") or _bucket_level(path, query)
        )
    if action:
        return not action.startswith(
            ("Get", "List", "Describe", "BatchGet", "Filter", "StartLiveTail", "Lookup")
        )
    return method not in ("GET", "HEAD", "OPTIONS")


def _bucket_level(path: str, query: str) -> bool:
    return path.strip("/").count("/") == 0 and bool(query)

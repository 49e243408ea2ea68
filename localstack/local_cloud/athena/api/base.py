"""What the operations share: errors, names, pages."""

import base64
from typing import Any

from local_cloud.athena.executor import Executor
from local_cloud.athena.state import State, now
from local_cloud.cloud import Cloud
from local_cloud.errors import ServiceError

Shape = dict[str, Any]


def invalid(message: str, code: str = "INVALID_INPUT") -> ServiceError:
    """InvalidRequestException, the error of nearly every wrong request."""
    return ServiceError("InvalidRequestException", message, 400, AthenaErrorCode=code)


def encode_token(place: int, of: str = "") -> str:
    """A page token; ``of``: what it pages, so that a token of another request is refused."""
    return base64.urlsafe_b64encode(f"{place}:{of}".encode()).decode()


def decode_token(token: str | None, of: str = "") -> int | None:
    """The place a token names. Raises: InvalidRequestException."""
    if token is None:
        return None
    try:
        place, _, owner = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
        if owner == of and int(place) >= 0:
            return int(place)
    except ValueError as error:
        raise invalid("Invalid NextToken") from error
    raise invalid("Invalid NextToken")


def batch(
    found: dict[str, Shape | None], id_name: str, what: str, code: str
) -> tuple[list[Shape], list[Shape]]:
    """A batch call's answer: the records found, and an entry with the reason for each id without one."""
    missing = [
        {id_name: id_, "ErrorCode": code, "ErrorMessage": f"{what.format(id_)} was not found"}
        for id_, body in found.items()
        if body is None
    ]
    return [body for body in found.values() if body is not None], missing


class Base:
    """State and surroundings."""

    service = "athena"
    cloud: Cloud
    state: State
    executor: Executor

    def arn(self, kind: str, name: str) -> str:
        return f"arn:aws:athena:{self.cloud.region}:{self.cloud.account_id}:{kind}/{name}"

    def workgroup(self, name: str) -> Shape:
        """The workgroup. Raises: InvalidRequestException."""
        found = self.state.get("workgroup", name)
        if found is None:
            raise invalid(f"WorkGroup {name} is not found.")
        return found

    def listed(
        self, kind: str, tag: str | None, limit: int, token: str | None, *, newest_first: bool = False
    ) -> tuple[list[Shape], Shape]:
        """A page of records and its NextToken member, if any."""
        of = f"{kind}/{tag}"
        rows = self.state.page(kind, tag, limit + 1, decode_token(token, of), newest_first=newest_first)
        more = {"NextToken": encode_token(rows[limit - 1][0], of)} if len(rows) > limit else {}
        return [body for _, body in rows[:limit]], more

    def once(self, kind: str, token: str | None, request: Shape, body: Shape, id_: str, tag: str) -> str:
        """Keeps a new record under ``id_``, or finds that the same request with the same token made one.

        Returns:
            The id of the new record or of the earlier one.

        Raises:
            ServiceError: InvalidRequestException where the token came with another request.
        """
        if token is None:
            self.state.put(kind, id_, body, tag)
            return id_
        note = {"id": id_, "request": request, "time": now()}
        if self.state.put_once(kind, id_, body, tag, token, note):
            return id_
        earlier = self.state.get(f"{kind}-token", token) or {}
        if earlier["request"] != request:
            raise invalid("Idempotent parameters do not match")
        return str(earlier["id"])

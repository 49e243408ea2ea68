"""What the operations share: errors, names, pages."""

import base64
from typing import Any

from local_cloud.athena.executor import Executor
from local_cloud.athena.state import State
from local_cloud.cloud import Cloud
from local_cloud.errors import ServiceError

Shape = dict[str, Any]


def invalid(message: str, code: str = "INVALID_INPUT") -> ServiceError:
    """InvalidRequestException, the error of nearly every wrong request."""
    return ServiceError("InvalidRequestException", message, 400, AthenaErrorCode=code)


def encode_token(place: int) -> str:
    """A page token."""
    return base64.urlsafe_b64encode(str(place).encode()).decode()


def decode_token(token: str | None) -> int | None:
    """The place a token names. Raises: InvalidRequestException."""
    if token is None:
        return None
    try:
        return int(base64.urlsafe_b64decode(token.encode()))
    except ValueError as error:
        raise invalid("Invalid NextToken") from error


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
        rows = self.state.page(kind, tag, limit + 1, decode_token(token), newest_first=newest_first)
        more = {"NextToken": encode_token(rows[limit - 1][0])} if len(rows) > limit else {}
        return [body for _, body in rows[:limit]], more

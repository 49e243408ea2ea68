"""The one exception an engine raises to answer a request with an AWS error."""


class ServiceError(Exception):
    """An AWS error response.

    Args:
        code: the error code as AWS's service model names it, e.g. ``EntityNotFoundException``.
        message: what is wrong, in AWS's words where they are known.
        status: the HTTP status of the response.
        members: further members of the error shape, e.g. ``AthenaErrorCode="INVALID_QUERY"``.
    """

    def __init__(self, code: str, message: str, status: int = 400, **members: object) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.members = members

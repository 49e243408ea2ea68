"""A Lambda function's exception keeps its name.

MiniStack calls every exception of a handler ``Runtime.HandlerError``, so that a state machine's Retry or
Catch by name never matches. The worker's log ends in the traceback, which tells the class.
"""

import functools
import importlib
import re
from typing import Any

NAMELESS = "Runtime.HandlerError"


def install() -> None:
    """Has MiniStack's warm workers report the exception's class as ``errorType``, as AWS does."""
    functions = importlib.import_module("ministack.services.lambda_svc")
    execute = functions._execute_function_warm

    @functools.wraps(execute)
    def named(*args: Any, **kwargs: Any) -> Any:
        result = execute(*args, **kwargs)
        body = result.get("body")
        if result.get("error") and isinstance(body, dict) and body.get("errorType") == NAMELESS:
            found = exception_class(result.get("log", ""), body.get("errorMessage", ""))
            body["errorType"] = found or NAMELESS
        return result

    vars(functions)["_execute_function_warm"] = named


def exception_class(log: str, message: str) -> str | None:
    """The class at the end of a Python traceback whose exception says ``message``, without its module."""
    ending = rf": {re.escape(message)}" if message else ""
    found = re.findall(rf"^([A-Za-z_][\w.]*){ending}\s*\Z", log.rstrip("\n"), re.MULTILINE)
    return str(found[-1]).rpartition(".")[2] if found else None

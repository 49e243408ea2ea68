"""``getResolvedOptions``."""

import argparse
from typing import Any, NoReturn


class GlueArgumentError(Exception):
    """An argument is missing or malformed."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise GlueArgumentError(message)


_RESERVED = ("JOB_NAME", "JOB_ID", "JOB_RUN_ID", "SECURITY_CONFIGURATION")
_BOOKMARK = ("job-bookmark-option", "job-bookmark-from", "job-bookmark-to")


def getResolvedOptions(args: list[str], options: list[str]) -> dict[str, Any]:
    """The values of the named options in ``args``.

    As on AWS: an option that is missing is an error, others are ignored; ``--JOB_ID``, ``--JOB_RUN_ID``,
    ``--SECURITY_CONFIGURATION``, ``--TempDir`` and the bookmark options are resolved whether asked for or
    not.

    Raises:
        GlueArgumentError: an option is missing, or reserved.
    """
    parser = _Parser(allow_abbrev=False, prog=args[0] if args else "script", add_help=False)
    for reserved in ("job_bookmark_option", "job_bookmark_from", "job_bookmark_to"):
        if reserved in options or reserved.replace("_", "-") in options:
            raise GlueArgumentError(f"Using reserved arguments {reserved}")
    wanted = list(dict.fromkeys(options))
    for name in wanted:
        required = name != "TempDir" and name not in _RESERVED[1:]
        parser.add_argument(f"--{name}", required=required)
    for name in (*_RESERVED[1:], "TempDir"):
        if name not in wanted:
            parser.add_argument(f"--{name}")
    for name in _BOOKMARK:
        parser.add_argument(f"--{name}")
    parsed = vars(parser.parse_known_args(args[1:])[0])
    parsed["job_bookmark_option"] = parsed["job_bookmark_option"] or "job-bookmark-disable"
    return {key: value for key, value in parsed.items() if value is not None or key in wanted}

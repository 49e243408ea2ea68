"""A warm template: `python warm.py FD MODULE...` imports the modules, then forks itself for each request on FD.

A fork runs its program as `python file.py`, `python -m module` or `python -c code` would: the same sys.argv, sys.path,
``__main__``, exit code and traceback. Run by the job's own interpreter, so it uses nothing but the standard library
and nothing newer than Python 3.9. It runs no code of the modules after importing them: threads and a GPU's
context do not survive a fork, so a template that has Python threads or has touched CUDA says it is unfit.
"""

import atexit
import gc
import io
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
import time
import types
from contextlib import suppress
from importlib.machinery import BuiltinImporter, SourceFileLoader
from pathlib import Path
from typing import Any

_MESSAGE_BYTES = 1 << 20


class Template:
    """The process that is forked.

    Args:
        channel: requests ``{"key", "argv", "env", "cwd"}``, each with the descriptor its output goes to, in;
            ``["ready"]``, ``["unfit", why]``, ``["started", key, pid]`` and ``["ended", key, code, KiB]`` out.
    """

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._forks: dict[int, Any] = {}
        self._wake, self._child_ended = os.pipe()

    def load(self, modules: list[str]) -> None:
        """Import the modules; a template that cannot be one says so and ends."""
        try:
            for name in modules:
                __import__(name)
        except BaseException as error:  # noqa: BLE001 - whatever an import does, the jobs can still start cold
            self._unfit(f"an import failed: {error!r}")
        if threading.active_count() > 1:
            names = ", ".join(thread.name for thread in threading.enumerate()[1:])
            self._unfit(f"its modules started threads: {names}")
        torch: Any = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_initialized():
            self._unfit("its modules initialised CUDA")
        sys.stdout.flush()
        sys.stderr.flush()
        gc.collect()
        gc.freeze()

    def serve(self) -> list[str]:
        """Serve requests; returns only in a fork, with the command it is to be. A closed channel kills all forks."""
        for end in (self._wake, self._child_ended):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._child_ended, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # without a handler the descriptor is not written
        selector = selectors.DefaultSelector()
        selector.register(self._channel, selectors.EVENT_READ)
        selector.register(self._wake, selectors.EVENT_READ)
        self._send("ready")
        while True:
            for key, _ in selector.select():
                if key.fileobj == self._wake:
                    self._reap()
                    continue
                data, handles, _, _ = socket.recv_fds(self._channel, _MESSAGE_BYTES, 1)
                if not data:
                    self._end()
                request = json.loads(data)
                pid = os.fork()
                if pid == 0:
                    selector.close()
                    self._become(request, handles[0])
                    return list(request["argv"])
                os.close(handles[0])
                with suppress(OSError):  # it has done so itself, and may be over already
                    os.setpgid(pid, pid)
                self._forks[pid] = request["key"]
                self._send("started", request["key"], pid)

    def _send(self, *message: Any) -> None:
        self._channel.send(json.dumps(message).encode())

    def _unfit(self, why: str) -> None:
        self._send("unfit", why)
        os._exit(1)

    def _end(self) -> None:
        for pid in self._forks:
            os.killpg(pid, signal.SIGKILL)
        os._exit(0)

    def _reap(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._wake, 4096)
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG)
            except ChildProcessError:
                return
            if found is None:
                return
            if found.si_pid in self._forks:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(found.si_pid, signal.SIGKILL)  # the rest of its group ends with it
            _, status, usage = os.wait4(found.si_pid, 0)
            key = self._forks.pop(found.si_pid, None)
            if key is not None:
                self._send("ended", key, os.waitstatus_to_exitcode(status), usage.ru_maxrss)

    def _become(self, request: dict[str, Any], output: int) -> None:
        """Give the fork its signals, group, folder, environment, output and chance."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for end in (self._wake, self._child_ended):
            os.close(end)
        self._channel.close()
        os.setpgid(0, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["env"])
        time.tzset()
        tempfile: Any = sys.modules.get("tempfile")
        if tempfile is not None:
            tempfile.tempdir = None  # it may have been asked for while a module was imported
        numpy_random: Any = sys.modules.get("numpy.random")
        if numpy_random is not None:
            numpy_random.seed()  # each process its own; the standard library's does so by itself


def run(argv: list[str]) -> None:
    """Run what `python ARGV[1:]` would, as the last thing this process does."""
    main = types.ModuleType("__main__")
    main.__dict__.update(__builtins__=__builtins__, __annotations__={})
    sys.modules["__main__"] = main
    with suppress(AttributeError):  # Python 3.10
        sys.orig_argv[:] = argv
    kind, rest = argv[1], argv[2:]
    if kind == "-m":
        sys.argv = ["-m", *rest[1:]]
        _first_on_path(str(Path.cwd()))
        runpy._run_module_as_main(rest[0])  # type: ignore[attr-defined] # what `python -m` itself calls
    elif kind == "-c":
        sys.argv = ["-c", *rest[1:]]
        _first_on_path("")
        main.__loader__ = BuiltinImporter
        exec(compile(rest[0], "<string>", "exec", dont_inherit=True), main.__dict__)  # noqa: S102 - python -c
    else:
        sys.argv = argv[1:]
        _run_file(main, kind, argv[0])


def _run_file(main: types.ModuleType, name: str, python: str) -> None:
    path = Path.cwd() / name
    if not path.exists():
        sys.stderr.write(f"{python}: can't open file {str(path)!r}: [Errno 2] No such file or directory\n")
        sys.exit(2)
    source = b"" if path.is_dir() else path.read_bytes()
    if path.is_dir() or source[:2] == b"PK":  # with a __main__.py in it: rare, and started as it always was
        os.execv(sys.executable, [python, *sys.argv])  # noqa: S606 - no shell
    _first_on_path(str(path.resolve().parent))
    main.__file__ = str(path)
    main.__dict__["__cached__"] = None
    main.__loader__ = SourceFileLoader("__main__", str(path))
    exec(compile(source, str(path), "exec", dont_inherit=True), main.__dict__)  # noqa: S102 - python file.py


def _first_on_path(entry: str) -> None:
    if not getattr(sys.flags, "safe_path", False):
        sys.path.insert(0, entry)


def _show(error: BaseException) -> None:
    """Print the traceback without this file's frames, as a cold start has none."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    sys.excepthook(type(error), error.with_traceback(trace), trace)


def _leave(code: Any) -> None:
    """End as the interpreter does, but for taking a heap apart that the template built: that costs a second.

    Threads are waited for, exit functions are called, and files that are still open are flushed.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for entry in gc.get_objects():  # none of the template's: those are frozen
        if isinstance(entry, (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)):
            with suppress(OSError, ValueError):
                entry.flush()
    if code is not None and not isinstance(code, int):
        sys.stderr.write(f"{code}\n")
        code = 1
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit((code or 0) & 0xFF)


if __name__ == "__main__":
    if sys.path and sys.path[0] == str(Path(__file__).absolute().parent):
        del sys.path[0]
    _template = Template(socket.socket(fileno=int(sys.argv[1])))
    _template.load(sys.argv[2:])
    _argv = _template.serve()
    try:
        run(_argv)
        _code: Any = 0
    except SystemExit as _error:
        _code = _error.code
    except KeyboardInterrupt as _error:
        _show(_error)
        sys.stdout.flush()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException as _error:  # noqa: BLE001 - the interpreter's own last resort, without this file's frames
        _show(_error)
        _code = 1
    _leave(_code)

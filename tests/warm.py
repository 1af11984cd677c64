"""The `tandem` command without the time that its imports take: a process that has imported all of
the product, and forks one for each command.

A command is a process of its own as ever, with its own environment, files, status and end. Only
what Python reads from disk before its first line is there already: more than a second of a
processor, which hundreds of commands would each spend again. `tests/real/test_command.py` starts
the command the way that its users do.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OWN = ("TANDEM_", "PYTEST_")  # begin the names of settings that nothing reads while it is imported
ALSO_OWN = {"DATABASE_URL", "PORT", "WEB_CONCURRENCY"}
LONGEST = 1 << 20  # bytes of a request: words and an environment
PROGRAM = "python -m app.cli"  # as the usage of a command that was started by hand names it


def fits(environment: dict[str, str]) -> bool:
    """Whether a fork is the same as a fresh start: the environment is ours but for settings."""
    same = _apart_from_settings(environment) == _apart_from_settings(dict(os.environ))
    return same and sys.platform == "linux"  # which keeps the bounds of messages on a socket


def _apart_from_settings(environment: dict[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith(OWN) and name not in ALSO_OWN
    }


def run(
    environment: dict[str, str], words: Sequence[str], seconds: float
) -> subprocess.CompletedProcess[str]:
    """What `subprocess.run` of the command gives: its status, and what it wrote.

    Raises subprocess.TimeoutExpired, with the command killed.
    """
    command = [sys.executable, "-m", "app.cli", *words]
    ours, theirs = socket.socketpair()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, ours:
        with theirs, Path(os.devnull).open("rb") as nothing:
            request = json.dumps({"words": words, "environment": environment}).encode()
            files = [nothing.fileno(), out.fileno(), err.fileno(), theirs.fileno()]
            _, forker = _forker()
            socket.send_fds(forker, [request], files)
        answers = ours.makefile("r")
        pid = int(answers.readline())
        if not select.select([ours], [], [], seconds)[0]:
            os.kill(pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(command, seconds)
        status = int(answers.readline())
        for file in (out, err):
            file.seek(0)
        texts = [file.read().decode().replace("\r\n", "\n") for file in (out, err)]
        return subprocess.CompletedProcess(command, status, *texts)


@cache
def _forker() -> tuple[subprocess.Popen[bytes], socket.socket]:
    """The process that forks, begun with the first command; it ends with this one."""
    ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LONGEST)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.warm", str(theirs.fileno())],
            cwd=ROOT,
            env=_apart_from_settings(dict(os.environ)),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the commands' own tests
        )
    return process, ours


def _import_all() -> None:
    for found in pkgutil.walk_packages([str(ROOT / "app")], "app."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)


def _serve(requests: socket.socket) -> None:
    """Fork for each request, and tell the status of each that has ended, until there is nobody."""
    signal.signal(signal.SIGCHLD, lambda *_: None)
    woken, wakes = socket.socketpair()
    wakes.setblocking(False)
    signal.set_wakeup_fd(wakes.fileno())
    asking: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([requests, woken], [], [])
        if woken in ready:
            woken.recv(4096)
            _tell_ends(asking)
        if requests in ready:
            request, files, _, _ = socket.recv_fds(requests, LONGEST, 4)
            if not request:
                return
            teller = socket.socket(fileno=files[3])
            pid = os.fork()
            if pid == 0:
                for other in (requests, woken, wakes, teller, *asking.values()):
                    other.close()
                _become(json.loads(request), files[:3])
            for file in files[:3]:
                os.close(file)
            teller.sendall(f"{pid}\n".encode())
            asking[pid] = teller


def _tell_ends(asking: dict[int, socket.socket]) -> None:
    while asking:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with asking.pop(pid) as teller, contextlib.suppress(BrokenPipeError):  # its time was up
            teller.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _become(request: dict[str, object], files: Sequence[int]) -> None:
    """Be the command to the end. Never returns."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    atexit._clear()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(request["environment"])  # type: ignore[call-overload]
    words = list(request["words"])  # type: ignore[call-overload]
    sys.argv = [str(ROOT / "app" / "cli" / "__main__.py"), *words]
    status = 1
    try:
        from app.cli import main

        main(words, prog_name=PROGRAM)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:  # as Python itself ends
        sys.excepthook(*sys.exc_info())
    finally:
        try:
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        except BaseException:
            traceback.print_exc()
            status = 120
        os._exit(status)


if __name__ == "__main__":
    gc.disable()
    _import_all()
    gc.freeze()
    gc.enable()
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        _serve(asked)

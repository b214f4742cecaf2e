"""The ways a process ends, and what is delivered of 100 records that it has queued by then.

``python -m tests.lifecycle.exits`` writes the table into ``docs/lifecycle.md``.
"""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from pathlib import Path

__all__ = ["EXITS", "Exit", "page_with", "table"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "lifecycle.md"
_TABLE = re.compile(r"(?m)^\| how the process ends \|.*\n(?:\|.*\n)+")

_MULTIPROCESSING = """
import multiprocessing
worker = multiprocessing.get_context("fork").Process(target=queue)
worker.start()
worker.join()
"""


@dataclass(frozen=True)
class Exit:
    """One way.

    Attributes:
        name: as the page has it.
        text: the rest of a program whose pipeline runs.
        code: its exit code, as without the library.
        kept: how many of 100 are delivered without a spool.
    """

    name: str
    text: str
    code: int
    kept: int


def _by_signal(name: str) -> str:
    return f"queue()\nos.kill(os.getpid(), signal.{name})\ntime.sleep(30)\n"


def _in_child(end: str) -> str:
    return f"pid = os.fork()\nif pid == 0:\n    queue()\n    {end}\nos.waitpid(pid, 0)\n"


EXITS = (
    Exit("the main module returns", "queue()\n", 0, 100),
    Exit("an exception nobody catches", "queue()\nraise ValueError\n", 1, 100),
    Exit("`sys.exit(3)`", "queue()\nsys.exit(3)\n", 3, 100),
    Exit("SIGTERM", _by_signal("SIGTERM"), -signal.SIGTERM, 100),
    Exit("SIGHUP", _by_signal("SIGHUP"), -signal.SIGHUP, 100),
    Exit("SIGINT, Ctrl-C", _by_signal("SIGINT"), -signal.SIGINT, 100),
    Exit("a forked child returns", _in_child("sys.exit()"), 0, 100),
    Exit("a forked child, SIGTERM", _in_child("os.kill(os.getpid(), signal.SIGTERM)"), 0, 100),
    Exit("a worker of `multiprocessing` returns", _MULTIPROCESSING, 0, 100),
    Exit("`os._exit(0)`", "queue()\nos._exit(0)\n", 0, 0),
    Exit("a forked child, `os._exit(0)`", _in_child("os._exit(0)"), 0, 0),
    Exit("SIGKILL, out of memory", _by_signal("SIGKILL"), -signal.SIGKILL, 0),
    Exit("a crash in C code, SIGSEGV", _by_signal("SIGSEGV"), -signal.SIGSEGV, 0),
)


def table() -> str:
    """The table of the page, of what the tests expect."""
    lines = [
        "| how the process ends | exit code | delivered of 100 | with a spool, after a restart |",
        "|---|---|---|---|",
    ]
    lines += [f"| {one.name} | {one.code} | {one.kept} | 100 |" for one in EXITS]
    return "\n".join(lines) + "\n"


def page_with(page: str, new: str) -> str:
    """`page` with the table `new` in place of its own."""
    return _TABLE.sub(lambda _: new, page)


if __name__ == "__main__":
    PAGE.write_text(page_with(PAGE.read_text(encoding="utf-8"), table()), encoding="utf-8")

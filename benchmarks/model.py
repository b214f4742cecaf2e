"""Cases, groups, and the units they are measured in."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import Enum

Sample = Callable[[int], float]
"""Do it so many times and return what it cost altogether, in seconds or bytes; pyperf calls this a *time function*."""


class Library(str, Enum):
    """Who is measured; the value is how tables name it."""

    OURS = "otel_ctxlog"
    STDLIB = "stdlib logging"
    STRUCTLOG = "structlog"
    LOGURU = "loguru"
    HANDLER = "stdlib + LoggingHandler"
    RAW = "OTel Logger"


class Unit(str, Enum):
    """What a value is; less is always better."""

    TIME = "seconds"
    """Seconds of CPU time per call, or for the whole of what the scenario names."""
    RATE = "seconds per record"
    """The same per record, shown as records per second of CPU time."""
    MEMORY = "bytes"


@dataclass(frozen=True, slots=True)
class Case:
    """One library in one scenario.

    Args:
        scenario: what is measured, as a table's row names it.
        library: by whom.
        sample: does it, and returns what that cost.
        unit: what that is.
        inner: how many calls one of `sample`'s loops makes; the value of a case is per call.
        loops: how many loops a sample has; None for as many as the time of a sample allows.
    """

    scenario: str
    library: Library
    sample: Sample
    unit: Unit = Unit.TIME
    inner: int = 1
    loops: int | None = None


Cases = Generator[Sequence[Case], None, None]
"""Sets everything up, yields the cases once, and takes everything down."""


@dataclass(frozen=True, slots=True)
class Group:
    """Cases that are measured in turns, in the same processes; only they can be set against each other.

    Args:
        name: ``room/function``; what filters on the command line look at.
        about: the first line of the function's docstring.
        open: sets everything up and gives the cases; on leaving, it is taken down again.
        rounds: at most so many turns per process, for what takes long or never differs.
        scale: how much longer than usual a sample is.
    """

    name: str
    about: str
    open: Callable[[], AbstractContextManager[Sequence[Case]]]
    rounds: int | None = None
    scale: float = 1.0


ENTERED: dict[str, Group] = {}
"""The groups of the rooms that were imported; `benchmarks.rooms.GROUPS` are all of them, in order."""


def group(*, rounds: int | None = None, scale: float = 1.0) -> Callable[[Callable[[], Cases]], Callable[[], Cases]]:
    """Return a decorator for a generator function that yields its cases once, which enters them in `ENTERED`.

    Raises:
        ValueError: the room has such a group already.
    """

    def enter(function: Callable[[], Cases]) -> Callable[[], Cases]:
        room = function.__module__.rpartition(".")[2]
        name = f"{room}/{function.__name__}"
        if name in ENTERED:
            raise ValueError(f"two groups are called {name!r}")
        about = (function.__doc__ or "").partition("\n")[0]
        ENTERED[name] = Group(name, about, contextmanager(function), rounds=rounds, scale=scale)
        return function

    return enter

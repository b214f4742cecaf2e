"""Which records are on disk before the call that logs them returns: the arguments of `setup` for that."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from otel_ctxlog.engine.levels import NONE, level_name, parse_level
from otel_ctxlog.otel.severity import SeverityNumber, severity_of
from otel_ctxlog.pipeline.environment import SPOOL_VARIABLE

if TYPE_CHECKING:
    from typing import TypeAlias

    from otel_ctxlog.delivery.spool import Spool

    SpoolArgument: TypeAlias = str | os.PathLike[str] | Spool

__all__ = ["Spooling", "no_spool", "spooling_of"]


@dataclass(frozen=True, slots=True)
class Spooling:
    """What waits on disk.

    Attributes:
        spool: where.
        severity: from which severity on there are records that are no events; None: there are none.
    """

    spool: Spool
    severity: SeverityNumber | None


def spooling_of(spool: SpoolArgument | None, severity: object) -> Spooling | None:
    """Return what the arguments `spool` and `spool_severity` say, else ``OTEL_CTXLOG_SPOOL``; None: no spool.

    Raises:
        TypeError: `spool` is neither a path nor a `Spool`.
        ValueError: the path is empty, `spool_severity` is no level, or there is one and no spool.
    """
    found = spool if spool is not None else os.environ.get(SPOOL_VARIABLE, "").strip() or None
    level = None if severity is None else parse_level(severity)
    if level == NONE:
        raise ValueError(f"argument 'spool_severity' is {severity!r}, allowed: a level above {level_name(NONE)}")
    if found is None:
        if severity is not None:
            raise ValueError("argument 'spool_severity' needs a spool: pass spool=, or set OTEL_CTXLOG_SPOOL")
        return None
    # A program without a spool does not need it.
    from otel_ctxlog.delivery.spool import Spool

    if not isinstance(found, Spool):
        if not isinstance(found, (str, os.PathLike)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"argument 'spool' is {found!r}, allowed: a path or a Spool")  # pyright: ignore[reportUnreachable]
        if not os.fspath(found):
            raise ValueError("argument 'spool' is '', allowed: the path of a directory")
        if os.path.exists(found) and not os.path.isdir(found):  # noqa: PTH110, PTH112 - a path of any kind
            what = "argument 'spool'" if spool is not None else SPOOL_VARIABLE
            raise ValueError(f"{what} is {os.fspath(found)!r}, which is no directory, allowed: the path of a directory")
        found = Spool(found)
    return Spooling(found, None if level is None else severity_of(level))


def no_spool(found: str, spool: SpoolArgument | None) -> str:
    """Return what is wrong where records go another way than through a spool.

    Args:
        found: what makes them go there.
        spool: the argument of `setup`; None: it was the variable.
    """
    given = f"unset {SPOOL_VARIABLE}" if spool is None else "leave argument 'spool' away"
    return f"a spool is for exporter 'otlp' of setup(), but {found}: name 'otlp', or {given}"

"""What structlog's loggers are called, and loggers that have nothing but a name."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["LOGGER_KEYS", "REALM_KEY", "NamedLogger", "NamedLoggerFactory", "name_of", "realm_of"]

LOGGER_KEYS: Final = ("logger", "logger_name")
"""Where an event says the name of its logger: ``structlog.stdlib.add_logger_name``, and what people bind by hand."""
REALM_KEY: Final = "realm"


def name_of(event: Mapping[str, object], logger: object) -> str:
    """Return the name of the logger of an event: what the event says, else the logger's own; ``""`` for none."""
    for key in LOGGER_KEYS:
        name = event.get(key)
        if type(name) is str and name:
            return name
    # A record of `logging` on its way through ``structlog.stdlib.ProcessorFormatter`` comes without a logger.
    name = getattr(event.get("_record") if logger is None else logger, "name", None)
    return name if type(name) is str else ""


def realm_of(event: Mapping[str, object]) -> str:
    """Return the realm that is bound as ``realm``, or ``""``."""
    realm = event.get(REALM_KEY)
    return realm if type(realm) is str else ""


@dataclass(frozen=True, slots=True)
class NamedLogger:
    """A wrapped logger with a name, for a chain that ends in a final processor: it writes nothing itself."""

    name: str

    def _nothing(self, *args: object, **fields: object) -> None:
        """Do nothing: the processor has written the record."""

    debug = info = warning = warn = error = critical = fatal = exception = log = msg = notset = failure = err = _nothing


class NamedLoggerFactory:
    """A ``logger_factory`` for ``structlog.configure``: ``structlog.get_logger("shop.db")`` gets that name.

    Without a name, ``structlog.get_logger()`` gets that of the module that first uses the logger, as with structlog's
    own factory for `logging`.
    """

    def __call__(self, *args: object) -> NamedLogger:
        """Return the logger; its name is the first argument, if that is a text."""
        if args and isinstance(args[0], str) and args[0]:
            return NamedLogger(args[0])
        frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage] # as inspect does
        while frame.f_back is not None and _is_structlog(frame.f_globals.get("__name__")):
            frame = frame.f_back
        name = frame.f_globals.get("__name__")
        return NamedLogger(name if isinstance(name, str) else "")


def _is_structlog(module: object) -> bool:
    return isinstance(module, str) and module.partition(".")[0] == "structlog"

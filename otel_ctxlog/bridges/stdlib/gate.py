"""The gate of one logger: what of its answers can be kept, and for how long."""

from __future__ import annotations

import logging
import weakref
from typing import Final, Protocol, cast

from otel_ctxlog.bridges.stdlib import cpython
from otel_ctxlog.bridges.stdlib.feedback import is_diagnostic_name
from otel_ctxlog.loggers.state import EPOCH, collected
from otel_ctxlog.loggers.std_record import level_of
from otel_ctxlog.loggers.std_writer import StdWriter

__all__ = ["GATE", "Gate", "Owner", "forget_answers", "gate_of"]

GATE: Final = "_otel_ctxlog_gate"
"""The attribute of a logger with its gate."""


class Owner(Protocol):
    """What makes gates: a bridge."""

    @property
    def gated(self) -> bool:
        """Whether the other handlers get what passes the rules, and nothing else."""
        ...

    def writer(self, name: object) -> StdWriter:
        """Return what decides about records of that name."""
        ...

    def is_active(self) -> bool:
        """Return whether this is the bridge of this moment."""
        ...


class Gate:
    """What a bridge knows of one logger.

    The answers are kept in the logger's own ``_cache``, where ``logging`` empties them when a level changes; a change
    of rules empties them through `expire`. Only what no OTel context can change is kept as an answer; where the context
    decides, `None` is.

    Attributes:
        owner: the bridge.
        diagnostic: whether the logger's records are none of the bridge's business.
        writer: decides, and writes.
        name: the logger's name.
        answers: what the logger keeps of its answers.
        epoch: when answers were last kept.
    """

    __slots__ = ("__weakref__", "_watched", "answers", "diagnostic", "epoch", "name", "owner", "writer")

    def __init__(self, owner: Owner, logger: logging.Logger) -> None:
        self.owner = owner
        self.name = logger.name
        self.diagnostic = is_diagnostic_name(str(logger.name))
        self.writer = owner.writer(logger.name)
        self.epoch: object = None
        self._watched: object = None
        self.answers = cpython.answers_of(logger)

    def expire(self) -> None:
        """Forget the answers; a change of rules calls this, in any thread."""
        self.answers.clear()

    def settle(self, logger: logging.Logger, level: int) -> cpython.Answer:
        """Return the answer to a level, None where the OTel context decides; it is kept until something changes."""
        if self.diagnostic:
            return cpython.standard_answer(logger, level)
        token = EPOCH.token
        answers = self.answers = cpython.answers_of(logger)
        if self._watched is not token:
            self.epoch = token
            EPOCH.watch(self)
            # Last: another thread that finds it set relies on being told.
            self._watched = token
        by_rules = self._by_rules(level)
        with cpython.lock():
            if logger.manager.disable >= level:
                answer: cpython.Answer = False
            elif not self.owner.gated and cpython.standard_level(logger, level):
                answer = True
            elif by_rules is True and not self.owner.gated:
                # Not kept: each such call leaves a note that only the rules let it through.
                answer = None
            else:
                answer = by_rules
            if self.owner.is_active():
                answers[level] = answer
        if EPOCH.token is not token:
            # Who changed the rules may have emptied the answers before this one was kept.
            answers.clear()
        return answer

    def _by_rules(self, level: int) -> cpython.Answer:
        """Return what the rules say in every OTel context, or None where that differs."""
        lowest, highest = self.writer.band()
        own = level_of(level)
        if own <= lowest:
            return True
        return False if own > highest else None


def gate_of(logger: logging.Logger, owner: Owner) -> Gate:
    """Return the gate of a logger; a new one if it has none of this bridge."""
    known = cast("Gate | None", vars(logger).get(GATE))
    if known is not None and known.owner is owner:
        return known
    made = Gate(owner, logger)
    with cpython.lock():
        # One gate per logger: answers of one that nobody holds would outlast the rules.
        known = cast("Gate | None", vars(logger).get(GATE))
        if known is not None and known.owner is owner:
            return known
        # What was answered for another bridge, or for none.
        cpython.answers_of(logger).clear()
        setattr(logger, GATE, made)
        _made.add(made)
    return made


# Also the gates of loggers that `logging` does not know, since they were made by hand.
_made: Final[weakref.WeakSet[Gate]] = weakref.WeakSet()


def forget_answers() -> None:
    """Make all loggers forget their answers that `logging` knows, or that have a gate; under `cpython.lock`."""
    cpython.clear_managed()
    for gate in collected(_made):
        gate.expire()

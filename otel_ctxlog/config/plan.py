"""A whole configuration, made and checked before anything of it is applied."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, cast

from otel_ctxlog.config.eventers import eventer_definitions
from otel_ctxlog.config.model import DEFAULT_LEVEL, EVENTERS, RULES, Config
from otel_ctxlog.config.specs import fields, items, level_of
from otel_ctxlog.config.wording import describe
from otel_ctxlog.engine.origin import UNKNOWN, Origin
from otel_ctxlog.loggers.context import LoggingContext
from otel_ctxlog.loggers.named_eventers import EventerDefinition, prepare_eventers

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from types import FrameType

    from otel_ctxlog.config.document import Document
    from otel_ctxlog.config.elements import Elements, ElementType
    from otel_ctxlog.engine.protocols import Rule

__all__ = ["Configurable", "Plan", "Replaceable", "make_plan"]

_OURS: Final = "otel_ctxlog."
_NO_TYPES: Final[Mapping[str, ElementType]] = {}


class Configurable(Protocol):
    """What can be configured: a `LoggingContext`."""

    def apply(
        self, *, rules: Sequence[Rule], default_level: int | None = None, origins: Sequence[Origin] | None = None
    ) -> None:
        """Add the rules in this order, and set the default level if one is given, as one change."""
        ...


class Replaceable(Protocol):
    """A block of rules that is replaced as a whole: a `RuleSection`."""

    def replace(
        self, rules: Sequence[Rule], *, default_level: int | None = None, origins: Sequence[Origin] | None = None
    ) -> None:
        """Replace the rules and the default level of the block, as one change."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What a configuration does.

    Attributes:
        config: the plain data.
        default_level: the default level to set, or None.
        rules: the rules, in the order of adding.
        origins: where each of them is written; None: in plain data.
        eventers: how the named eventers are made.
    """

    config: Config
    default_level: int | None
    rules: tuple[Rule, ...]
    origins: tuple[Origin | None, ...] = ()
    eventers: Mapping[str, EventerDefinition] = field(default_factory=dict[str, EventerDefinition])

    def apply_to(self, context: Configurable) -> None:
        """Do it; a plan that does nothing does not touch the context.

        Raises:
            ConfigError: an eventer cannot be made here; nothing is changed.
            TypeError: there are eventers, and `context` is no `LoggingContext`; nothing is changed.
        """
        with self._eventers_of(context if self.eventers else None, None):
            if self.rules or self.default_level is not None:
                context.apply(rules=self.rules, default_level=self.default_level, origins=self.known_origins())

    def put_into(self, section: Replaceable, context: LoggingContext | None = None) -> None:
        """Make the section what this plan says, in one swap, and so the named eventers that were put in with it.

        Args:
            section: the section.
            context: its context; None: the eventers stay as they are.

        Raises:
            ConfigError: an eventer cannot be made here; nothing is changed.
        """
        with self._eventers_of(context, section):
            section.replace(self.rules, default_level=self.default_level, origins=self.known_origins())

    @contextmanager
    def _eventers_of(self, context: object, owner: object) -> Generator[None]:
        """Make the eventers before the block, which may raise, and let them hold after it, which does not."""
        if context is None:
            yield
            return
        if not isinstance(context, LoggingContext):
            raise TypeError(f"eventers need a LoggingContext, but got {context!r}")
        change = prepare_eventers(context, self.eventers, owner=owner)
        try:
            yield
        except BaseException:
            change.discard()
            raise
        change.commit()

    def known_origins(self) -> list[Origin]:
        """Where each rule comes from; one in plain data from the code that calls this library."""
        caller = None
        known: list[Origin] = []
        for origin in self.origins:
            if origin is None and caller is None:
                caller = _calling_code()
            known.append(origin or caller or UNKNOWN)
        return known


def _calling_code() -> Origin:
    """The innermost line of code that is not of this library."""
    frame: FrameType | None = sys._getframe(1)  # pyright: ignore[reportPrivateUsage] # as inspect does
    while frame is not None:
        module = str(frame.f_globals.get("__name__", "?"))
        if not module.startswith(_OURS):
            return Origin("code", f"{module}:{frame.f_lineno}")
        frame = frame.f_back
    return UNKNOWN


def make_plan(document: Document, elements: Elements, eventer_types: Mapping[str, ElementType] = _NO_TYPES) -> Plan:
    """The plan of a document, all its rules made.

    Args:
        document: the document.
        elements: makes the rules.
        eventer_types: the types of eventers that are not standard.

    Raises:
        ConfigError: anything in it is wrong.
    """
    if document.data is None:
        return Plan(Config(), None, ())
    place = document.place
    if isinstance(document.data, str) and "\n" not in document.data:
        raise place.error(
            f"found {describe(document.data)}; allowed: a mapping with the keys {DEFAULT_LEVEL}, {EVENTERS}, {RULES} "
            "(a str is YAML text; give the name of a file as pathlib.Path)"
        )
    found = fields(document.data, place, optional=(DEFAULT_LEVEL, RULES, EVENTERS))
    written = found.get(DEFAULT_LEVEL)
    default_level = None if written is None else level_of(written, place.item(found, DEFAULT_LEVEL))
    listed = found.get(RULES)
    rules_place = place.item(found, RULES)
    data: list[object] = [] if listed is None else items(listed, rules_place, of="rule elements")
    places = [rules_place.item(data, index) for index in range(len(data))]
    rules = tuple(map(elements.rule, data, places))
    origins = tuple(one.marks.origin.of_rule(one.mark) for one in places)
    plain, eventers = eventer_definitions(found.get(EVENTERS), place.item(found, EVENTERS), eventer_types, elements)
    return Plan(Config(cast("str | int | None", written), data, plain), default_level, rules, origins, eventers)

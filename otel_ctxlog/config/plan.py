"""A whole configuration, made and checked before anything of it is applied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from otel_ctxlog.config.model import DEFAULT_LEVEL, RULES, Config
from otel_ctxlog.config.specs import fields, items, level_of
from otel_ctxlog.config.wording import describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_ctxlog.config.document import Document
    from otel_ctxlog.config.elements import Elements
    from otel_ctxlog.engine.protocols import Rule

__all__ = ["Configurable", "Plan", "make_plan"]


class Configurable(Protocol):
    """What can be configured: a `LoggingContext`."""

    def apply(self, *, rules: Sequence[Rule], default_level: int | None = None) -> None:
        """Add the rules in this order, and set the default level if one is given, as one change."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What a configuration does."""

    config: Config
    default_level: int | None
    rules: tuple[Rule, ...]

    def apply_to(self, context: Configurable) -> None:
        """Do it; a plan that does nothing does not touch the context."""
        if self.rules or self.default_level is not None:
            context.apply(rules=self.rules, default_level=self.default_level)


def make_plan(document: Document, elements: Elements) -> Plan:
    """The plan of a document, all its rules made.

    Raises:
        ConfigError: anything in it is wrong.
    """
    if document.data is None:
        return Plan(Config(), None, ())
    place = document.place
    if isinstance(document.data, str) and "\n" not in document.data:
        raise place.error(
            f"found {describe(document.data)}; allowed: a mapping with the keys {DEFAULT_LEVEL}, {RULES} "
            "(a str is YAML text; give the name of a file as pathlib.Path)"
        )
    found = fields(document.data, place, optional=(DEFAULT_LEVEL, RULES))
    written = found.get(DEFAULT_LEVEL)
    default_level = None if written is None else level_of(written, place.item(found, DEFAULT_LEVEL))
    listed = found.get(RULES)
    rules_place = place.item(found, RULES)
    data: list[object] = [] if listed is None else items(listed, rules_place, of="rule elements")
    rules = tuple(elements.rule(item, rules_place.item(data, index)) for index, item in enumerate(data))
    return Plan(Config(cast("str | int | None", written), data), default_level, rules)

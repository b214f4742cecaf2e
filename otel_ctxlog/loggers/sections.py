"""Sections: rules of a context that are replaced together, like those of one file, and keep their place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from otel_ctxlog.engine.held import Held
from otel_ctxlog.engine.levels import check_level
from otel_ctxlog.engine.origin import Origin, check_origin
from otel_ctxlog.engine.protocols import Rule
from otel_ctxlog.engine.rules import check_rule
from otel_ctxlog.loggers.state import rule_signature, tree_lock

if TYPE_CHECKING:
    from otel_ctxlog.loggers.core import ContextCore

__all__ = ["RuleSection"]


class RuleSection:
    """A block of rules in a context. Made by `LoggingContext.section`.

    Its place is after the rules that are there when its own are first set, also to none, so that these are asked later,
    and before those that are added afterwards. What else the context has stays where it is.
    """

    __slots__ = ("__weakref__", "_core", "_held", "origin")

    def __init__(self, core: ContextCore, origin: Origin) -> None:
        self._core = core
        self._held: tuple[Held, ...] = ()
        self.origin = check_origin(origin)

    def __repr__(self) -> str:
        return f"<RuleSection {self.origin}, {len(self.rules)} rules>"

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that were given last, in the order of adding, but for those that have ended."""
        return tuple(held.rule for held in self._held if not held.ended)

    def replace(
        self,
        rules: Iterable[Rule],
        *,
        default_level: int | None = None,
        origins: Sequence[Origin] | None = None,
    ) -> None:
        """Replace the rules of the section, and the default level that it sets, in one atomic swap.

        A rule that equals one that was there goes on: its counts, its limits, and its end. One that has ended stays
        ended for as long as it is given again; one that was removed in another way is there again.

        Args:
            rules: the rules, in the order of adding.
            default_level: the own default level of the context; None: what it was before the section set one, unless
                somebody has changed it since. Where several sections set one, that which began last counts.
            origins: where each rule came from; None: all from where the section does.

        Raises:
            TypeError: one of `rules` is no rule, or one of `origins` none; then nothing is changed.
            ValueError: `default_level` is no level, or `origins` are not as many as the rules; then nothing is changed.
        """
        checked = [check_rule(rule) for rule in rules]
        if default_level is not None:
            check_level(default_level)
        places = [self.origin] * len(checked) if origins is None else [check_origin(origin) for origin in origins]
        if len(places) != len(checked):
            msg = f"there must be as many origins as rules ({len(checked)}), but got {len(places)}"
            raise ValueError(msg)
        with tree_lock:
            known = self._by_signature()
            held: list[Held] = []
            for rule, origin in zip(checked, places, strict=True):
                one = _taken(known, rule)
                if one is None:
                    one = Held(rule, origin)
                    one.section = self
                else:
                    one.origin = origin
                held.append(one)
            self._held = tuple(held)
            alive = [one for one in held if not one.ended]
            self._core.change_section(self, alive, default_level=self._claim(default_level))

    def remove(self) -> None:
        """Take the section out of its context, with its rules and its default level, in one atomic swap."""
        with tree_lock:
            self._held = ()
            self._core.change_section(self, None, default_level=self._claim(None))

    def _claim(self, level: int | None) -> tuple[int | None] | None:
        core = self._core
        return core.level_claims.claim(self, None if level is None else int(level), core.state.default_level)

    def _by_signature(self) -> dict[object, list[Held]]:
        found: dict[object, list[Held]] = {}
        for held in self._held:
            found.setdefault(rule_signature(held.rule), []).append(held)
        return found


def _taken(known: dict[object, list[Held]], rule: Rule) -> Held | None:
    """Return what is known of an equal rule, once."""
    candidates = known.get(rule_signature(rule), [])
    for index, held in enumerate(candidates):
        try:
            same = type(held.rule) is type(rule) and bool(held.rule == rule)
        except Exception:  # noqa: BLE001 - an == of the user
            same = held.rule is rule
        if same:
            return candidates.pop(index)
    return None

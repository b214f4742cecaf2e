"""Conditions about realms, and the three that combine others."""

from __future__ import annotations

from otel_ctxlog.engine.frozen import put
from otel_ctxlog.engine.messages import BuiltinCondition, View, ask, check_name
from otel_ctxlog.engine.protocols import Condition, is_condition

__all__ = ["And", "Not", "Or", "RealmPrefix", "check_condition"]


def check_condition(condition: object) -> Condition:
    """Return `condition` if it is one.

    Raises:
        TypeError: it has no method ``matches``.
    """
    if not is_condition(condition):
        msg = f"a condition must have a method matches(messages) -> bool, but got {condition!r}"
        raise TypeError(msg)
    return condition


class RealmPrefix(BuiltinCondition):
    """The last realm is `name` or below it (``name/…``). An empty name is a ``ValueError``."""

    __slots__ = ("name",)
    __match_args__ = ("name",)

    name: str

    def __init__(self, name: str) -> None:
        put(self, "name", check_name("a RealmPrefix", name))

    def test(self, view: View) -> bool:
        """Return whether the last realm is this one or below it."""
        realm = view.static.realm
        return realm is not None and (realm == self.name or realm.startswith(self.name + "/"))


class _Combination(BuiltinCondition):
    """What `And` and `Or` share: any number of conditions, fixed when made."""

    __slots__ = ("conditions",)
    __match_args__ = ("conditions",)

    conditions: tuple[Condition, ...]

    def __init__(self, *conditions: Condition) -> None:
        put(self, "conditions", tuple(map(check_condition, conditions)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.conditions))})"


class And(_Combination):
    """All of `conditions` hold; without any it is true. They are asked in order, up to the first that does not."""

    __slots__ = ()

    def test(self, view: View) -> bool:
        """Return whether all conditions hold."""
        return all(ask(condition, view) for condition in self.conditions)


class Or(_Combination):
    """One of `conditions` holds; without any it is false. They are asked in order, up to the first that does."""

    __slots__ = ()

    def test(self, view: View) -> bool:
        """Return whether one condition holds."""
        return any(ask(condition, view) for condition in self.conditions)


class Not(BuiltinCondition):
    """`condition` does not hold."""

    __slots__ = ("condition",)
    __match_args__ = ("condition",)

    condition: Condition

    def __init__(self, condition: Condition) -> None:
        put(self, "condition", check_condition(condition))

    def test(self, view: View) -> bool:
        """Return whether the condition does not hold."""
        return not ask(self.condition, view)

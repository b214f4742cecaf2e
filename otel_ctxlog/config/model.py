"""`Config`: a configuration as plain data."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from otel_ctxlog.config.emit import yaml_text
from otel_ctxlog.config.kinds import is_dict, is_mapping, is_sequence
from otel_ctxlog.config.places import Marks, Origin, Place
from otel_ctxlog.config.plain import plain_data

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["DEFAULT_LEVEL", "EVENTERS", "RULES", "Config"]

DEFAULT_LEVEL = "defaultLevel"
RULES = "rules"
EVENTERS = "eventers"


@dataclass(slots=True, eq=False)
class Config:  # noqa: PLW1641 - it can change, so it has no hash
    """A configuration as plain data: what the YAML text says, nothing checked until it is loaded or applied.

    Two are equal if they say the same: a list equals a tuple of the same elements, NaN equals NaN, and a truth value
    equals no number.

    Attributes:
        default_level: the level as written (``"Info"``, ``4``, ``False`` for YAML's ``off``), or None: not given.
        rules: one mapping for each rule, its only key the type: ``{"rule": {"level": "Debug", "conditions": […]}}``.
        eventers: one mapping for each named eventer: ``{"audit": {"type": "otlp", "level": "Warn"}}``.
    """

    default_level: str | int | None = None
    rules: Sequence[object] = field(default_factory=list[object])
    eventers: Mapping[str, object] = field(default_factory=dict[str, object])

    def __eq__(self, other: object) -> bool:
        """True if `other` is a `Config` that says the same."""
        if not isinstance(other, Config):
            return NotImplemented
        return (
            _same(self.default_level, other.default_level)
            and _same(self.rules, other.rules)
            and _same(self.eventers, other.eventers)
        )

    def to_yaml(self) -> str:
        """The YAML text of this configuration; `load` makes an equal `Config` of it.

        In block style. A configuration that would exceed 1 MiB is written in flow style, on one line, with aliases.

        Raises:
            ConfigError: it is too large, contains itself, or has something that YAML data cannot have.
        """
        return yaml_text(plain_data(self.as_mapping(), Place(Marks(Origin()))))

    def as_mapping(self) -> dict[str, object]:
        """The mapping that the YAML text stands for; what is not given is left out."""
        mapping: dict[str, object] = {}
        if self.default_level is not None:
            mapping[DEFAULT_LEVEL] = self.default_level
        if not is_sequence(self.rules) or self.rules:
            mapping[RULES] = self.rules
        if not is_mapping(self.eventers) or self.eventers:
            mapping[EVENTERS] = self.eventers
        return mapping


def _same(left: object, right: object) -> bool:
    if is_sequence(left) and is_sequence(right):
        return len(left) == len(right) and all(map(_same, left, right))
    if is_dict(left) and is_dict(right):
        return left.keys() == right.keys() and all(_same(value, right[key]) for key, value in left.items())
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    if isinstance(left, dt.datetime) and isinstance(right, dt.datetime):
        return _since_year_one(left) == _since_year_one(right)
    return bool(left == right) or (left != left and right != right)  # noqa: PLR0124 - NaN


def _since_year_one(moment: dt.datetime) -> tuple[bool, dt.timedelta]:
    """The instant, and whether it is one in UTC: to `==`, times in the hour of a clock change equal no other zone's."""
    offset = moment.utcoffset()
    start = dt.datetime(1, 1, 1)  # noqa: DTZ001 - in the zone of the moment
    return offset is not None, moment.replace(tzinfo=None) - start - (offset or dt.timedelta())

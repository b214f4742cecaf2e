"""The effective configuration: what holds at this moment, as YAML that gives the same rules again."""

from __future__ import annotations

from typing import Final

from otel_ctxlog.admin.exchange import Json
from otel_ctxlog.admin.rule_data import element_of, ends_at
from otel_ctxlog.admin.rule_view import level_json
from otel_ctxlog.config.model import Config
from otel_ctxlog.engine.levels import level_name
from otel_ctxlog.engine.values import repr_of, safe_text
from otel_ctxlog.errors import ConfigError
from otel_ctxlog.loggers.context import LoggingContext
from otel_ctxlog.loggers.statistics import RuleStatistics

__all__ = ["configuration_json", "configuration_yaml"]

_LONGEST: Final = 2_000


def configuration_yaml(context: LoggingContext) -> tuple[str, int]:
    """Return the configuration, and how many rules it cannot say; these are in it as comments.

    A rule that ends does so at the same moment; one that came from a base comes first, as a file has it.
    """
    statistics = context.statistics()
    lines = [
        "# The rules of this moment; the last is asked first.",
        f"defaultLevel: {level_name(statistics.default_level)}",
    ]
    body: list[str] = []
    missing = 0
    some = False
    for rule in reversed(statistics.rules):
        body.append(f"  # {_one_line(str(rule.origin))}")
        found = _yaml_lines(rule)
        if found is None:
            missing += 1
            body.append(f"  # of its own type: {_one_line(safe_text(repr_of(rule.rule)))}")
        else:
            some = True
            body += found
    lines.append("rules:" if some else "rules: []")
    return "\n".join([*lines, *body]) + "\n", missing


def _yaml_lines(rule: RuleStatistics) -> list[str] | None:
    element = element_of(rule.rule, ends=ends_at(rule.expires_in))
    if element is None:
        return None
    try:
        return Config(rules=[element]).to_yaml().splitlines()[1:]
    except (ConfigError, RecursionError):
        return None


def _one_line(text: str) -> str:
    line = "".join(one if one.isprintable() else "?" for one in text)
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def configuration_json(context: LoggingContext) -> Json:
    """Return the configuration, its YAML in one of the fields."""
    text, missing = configuration_yaml(context)
    statistics = context.statistics()
    return {
        "defaultLevel": level_json(statistics.default_level),
        "generation": statistics.generation,
        "rules": len(statistics.rules),
        "notInYaml": missing,
        "yaml": text,
    }

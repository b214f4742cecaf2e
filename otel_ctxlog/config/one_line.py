"""One-line rules, for environment variables and command lines: ``warn,shop/db=debug,[tenant=acme]=trace``."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from otel_ctxlog.config.line_parser import LineOrigin, read_rules
from otel_ctxlog.config.line_scanner import pointed_at
from otel_ctxlog.config.line_writer import write_rules
from otel_ctxlog.config.model import DEFAULT_LEVEL, EVENTERS, Config
from otel_ctxlog.config.places import Mark, Marks, Origin, Place
from otel_ctxlog.config.registry import Registry, default_registry
from otel_ctxlog.config.wording import describe
from otel_ctxlog.errors import ConfigError

if TYPE_CHECKING:
    from otel_ctxlog.config.plan import Configurable, Plan
    from otel_ctxlog.engine.origin import Origin as RuleOrigin

__all__ = ["configure_rules", "format_rules", "parse_rules", "rules_plan"]


def parse_rules(text: str, *, name: str | None = None, registry: Registry | None = None) -> Config:
    """The configuration that one-line rules stand for, checked by making all rules; equal to what YAML would give.

    Args:
        text: default level and rules, separated by commas; ``docs/one-line-rules.md`` has the grammar. An empty text is
            an empty configuration.
        name: what errors call the text, like the name of the variable that it comes from.
        registry: whose types are used; default: `default_registry()`.

    Raises:
        ConfigError: anything is wrong; its text has the line below it, with a caret under the place.
    """
    return rules_plan(text, name=name, registry=registry).config


def format_rules(config: Config, *, registry: Registry | None = None) -> str:
    """The one-line rules that say the same as `config`; ``parse_rules(format_rules(parse_rules(text)))`` is equal.

    Levels in a text are written as they are, moments as ISO 8601.

    Raises:
        ConfigError: it is wrong, or has something that one line cannot say: eventers, own types, values that are
            lists, maps, dates or bytes, numbers that are not finite.
    """
    checked = (registry or default_registry()).load(config)
    place = Place(Marks(Origin()))
    if checked.eventers:
        raise Place(place.marks, EVENTERS).error("one line cannot say this: found eventers; allowed: rules and levels")
    return write_rules(checked.default_level, checked.rules, place)


def configure_rules(
    context: Configurable,
    text: str,
    *,
    name: str | None = None,
    origin: RuleOrigin | None = None,
    registry: Registry | None = None,
) -> None:
    """Add one-line rules to the context and set the default level that they have, all or nothing; later rules win.

    Args:
        context: the logging context.
        text: as `parse_rules` takes it.
        name: what errors call the text.
        origin: where all the rules come from, for explanations and statistics; None: from a text, each with its column.
        registry: whose types are used; default: `default_registry()`.

    Raises:
        ConfigError: anything is wrong; the context is unchanged, its generation too.
    """
    rules_plan(text, name=name, origin=origin, registry=registry).apply_to(context)


def rules_plan(
    text: str,
    *,
    name: str | None = None,
    origin: RuleOrigin | None = None,
    registry: Registry | None = None,
) -> Plan:
    """What one-line rules do; see `configure_rules`.

    Raises:
        ConfigError: anything is wrong.
    """
    if not isinstance(cast("object", text), str):
        raise ConfigError(f"found {describe(text)} as one-line rules; allowed: a text", file=name)
    source = LineOrigin(file=name, rules=origin)
    document = read_rules(text, source)
    try:
        return (registry or default_registry()).plan(document)
    except ConfigError as error:
        raise placed(error, text, source) from error


def placed(error: ConfigError, text: str, source: LineOrigin) -> ConfigError:
    """An error of a rule with a caret below the place in the text, in place of its path in a structure."""
    if error.line is None or error.column is None:
        return error
    problem = error.problem
    if error.path == DEFAULT_LEVEL:
        problem += "; a rule for a realm is realm=level"
    pointed = pointed_at(text, Mark(error.line, error.column), problem)
    return ConfigError(pointed, file=source.file, line=error.line, column=error.column)

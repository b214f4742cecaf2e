"""From the body of a request to a rule: an element, its YAML, or one line, with controls beside it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Final, cast

from otel_ctxlog.admin.body import Fields, describe
from otel_ctxlog.admin.exchange import Json, Problem
from otel_ctxlog.admin.patterns import repeats_repetitions
from otel_ctxlog.config.controls import CONTROLS
from otel_ctxlog.config.document import read_document
from otel_ctxlog.config.kinds import is_mapping, is_sequence
from otel_ctxlog.config.one_line import parse_rules
from otel_ctxlog.config.registry import Registry
from otel_ctxlog.engine.controls import ControlledRule
from otel_ctxlog.engine.durations import duration_text
from otel_ctxlog.engine.protocols import Rule
from otel_ctxlog.errors import ConfigError

__all__ = ["FORMS", "RULE_FIELDS", "check_expiry", "compose"]

FORMS: Final = ("element", "yaml", "line")
"""The ways to write a rule, one of which a body has."""
RULE_FIELDS: Final = (*FORMS, *CONTROLS)
_LONGEST: Final = 20_000


def compose(fields: Fields, registry: Registry) -> Rule:
    """Return the rule that a body describes.

    Raises:
        Problem: it describes none.
    """
    given = [form for form in FORMS if form in fields]
    if len(given) != 1:
        found = " and ".join(given) if given else "none of them"
        raise Problem(
            422,
            f"the body must have one of element, yaml and line, but has {found}",
            found=found,
            allowed="one of them",
        )
    controls: dict[str, object] = {name: fields.raw(name) for name in CONTROLS if name in fields}
    try:
        element = _with(_element(fields, given[0], registry), controls, form=given[0])
        _check_patterns(element)
        return registry.create_rule(cast("Mapping[str, object]", element))
    except ConfigError as error:
        raise Problem(422, f"{given[0]}: {error}"[:2_000], found=describe(fields.raw(given[0]))) from None
    except RecursionError:
        raise Problem(422, f"{given[0]} is nested too deeply") from None


def _element(fields: Fields, form: str, registry: Registry) -> object:
    """Return the element of a rule, plain data."""
    if form == "element":
        return cast("object", fields.mapping("element"))
    text = fields.text(form, longest=_LONGEST) or ""
    if form == "line":
        config = parse_rules(text, registry=registry)
        if config.default_level is not None:
            raise Problem(
                422,
                "line is a default level; allowed: a rule like realm=level or [condition]=level",
                found=describe(text),
                allowed="one rule; PUT api/default-level sets the default level",
            )
    else:
        # As it stands in a file, behind the dash of a list: the columns stay the same.
        text = f"  {text[2:]}" if text.startswith("- ") else text
        # By itself first, so that errors have line and column of the text.
        registry.create_rule(text)
        return read_document(text).data
    if len(config.rules) != 1:
        found = f"{len(config.rules)} rules"
        raise Problem(422, f"{form} has {found}; allowed: one", found=found, allowed="one rule")
    return config.rules[0]


def _with(element: object, controls: Mapping[str, object], *, form: str) -> object:
    """Return an element with further controls.

    Raises:
        Problem: it has one of them already.
    """
    if not controls or not is_mapping(element) or len(element) != 1:
        return element
    ((kind, spec),) = element.items()
    if kind in ("rule", "controlled") and is_mapping(spec):
        twice = next((name for name in controls if name in spec), None)
        if twice is not None:
            raise Problem(
                422,
                f"{twice} is given in the {form} and beside it",
                found=f"{describe(spec[twice])} and {describe(controls[twice])}",
                allowed="one of them",
            )
        return {kind: {**spec, **controls}}
    return {"controlled": {"rule": element, **controls}}


def _check_patterns(data: object) -> None:
    waiting = [data]
    while waiting:
        one = waiting.pop()
        if is_mapping(one):
            pattern = one.get("regex")
            if isinstance(pattern, str) and repeats_repetitions(pattern):
                raise Problem(
                    422,
                    "the regular expression has a repetition within a repetition, which can hold up the whole program",
                    found=describe(pattern),
                    allowed="a regular expression without, or a glob",
                )
            waiting.extend(one.values())
        elif is_sequence(one):
            waiting.extend(one)


def check_expiry(rule: Rule, most: float) -> float:
    """Return in how many seconds a rule ends.

    Raises:
        Problem: it does not end, has ended, or ends too late.
    """
    left = rule.seconds_left() if isinstance(rule, ControlledRule) else None
    allowed = f"a duration like 15m, or a moment with its zone, at most {duration_text(most)} from now"
    if left is None:
        raise Problem(422, f"expires is missing; allowed: {allowed}", found="nothing", allowed=allowed)
    if not 0 < left <= most:
        found = "a moment that is over" if left <= 0 else f"{duration_text(max(1, round(left)))} from now"
        raise Problem(422, f"expires is {found}; allowed: {allowed}", found=found, allowed=allowed)
    return left


def controls_of(rule: Rule) -> dict[str, Json]:
    """Return the controls of a rule, each as a configuration has it."""
    if not isinstance(rule, ControlledRule):
        return {}
    found: dict[str, Json] = {}
    if isinstance(rule.expires, dt.datetime):
        found["expires"] = rule.expires.isoformat()
    elif rule.expires is not None:
        found["expires"] = duration_text(rule.expires)
    if rule.limit is not None:
        rate = rule.limit.text if "/" in rule.limit.text else f"{rule.limit.text}/s"
        per = "" if rule.limit.per is None else f" per {rule.limit.per}"
        found["limit"] = f"{rate}, burst {rule.limit.burst}{per}"
    if rule.sample is not None:
        found["sample"] = rule.sample
    if rule.first is not None:
        every = f", then every {rule.first.every}th" if rule.first.every else ""
        within = "" if rule.first.within is None else f", anew each {duration_text(rule.first.within)}"
        found["first"] = f"{rule.first.count}{every}{within}"
    if rule.sampled_traces_only:
        found["sampledTracesOnly"] = True
    if rule.exempt_events:
        found["exemptEvents"] = True
    return found

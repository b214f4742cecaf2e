"""One-line rules to the plain data that YAML would have given; the grammar is in `docs/one-line-rules.md`.

The data know where in the line they stand, so that what else can be wrong with them is found, and said, by the code
that does it for YAML.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

from otel_ctxlog.config.controls import CONTROLS
from otel_ctxlog.config.document import Document
from otel_ctxlog.config.kinds import is_dict
from otel_ctxlog.config.line_scanner import (
    LITERAL,
    LONGEST_NUMBER,
    NAME,
    PATTERN,
    Scanner,
    plain_literal,
    plain_setting,
)
from otel_ctxlog.config.model import DEFAULT_LEVEL, RULES
from otel_ctxlog.config.places import Mark, Marks, Origin, Place
from otel_ctxlog.config.wording import listing, nearest, short
from otel_ctxlog.engine.origin import Origin as RuleOrigin

__all__ = ["GROUPS", "REALM", "RESERVED", "SAMPLED", "SOURCES", "SPAN_NAME", "UNSAMPLED", "LineOrigin", "read_rules"]

SOURCES: Final = ("baggage", "resource", "span")
"""What may stand before the name of an attribute, with a colon: where it has to come from."""
REALM: Final = "realm"
SAMPLED: Final = "sampled"
UNSAMPLED: Final = "unsampled"
SPAN_NAME: Final = "spanname"
GROUPS: Final = {"all": "and", "any": "or"}
"""What stands before parentheses, and the type of the condition that it makes."""
RESERVED: Final = frozenset({REALM, SAMPLED, UNSAMPLED, SPAN_NAME})
"""Words that mean something of their own; attributes of these names stand in quotes."""

_LEVEL: Final = "a level: error, warn, info, debug, trace, off, or a number from 0"
_CONDITION: Final = (
    "a condition: name, name=value, baggage:name=value, #tag, sampled, spanname=value, realm=name, any(…), all(…), !…"
)
_VALUE: Final = "a value, in quotes where it has blanks or one of ,[]()|\"'=~ or is empty"
_EVERYWHERE: Final = "; a rule for everything is []=level"
_COMPARED: Final = "; numbers are compared by ranges, as in name=50.. and name=..100"
_MEANT: Final = {"!=": "; what is not equal is !name=value", "<": _COMPARED, ">": _COMPARED}
"""Hints for what other languages write after a name."""
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]{1,3})?", re.IGNORECASE)
_MOST_LEVELS: Final = 20
_IT_DOES: Final = True


@dataclass(slots=True)
class LineOrigin(Origin):
    """The text that places belong to: one-line rules."""

    rules: RuleOrigin | None = None

    def of_rule(self, mark: Mark | None) -> RuleOrigin | None:
        """Where a rule comes from: what was given, or its place in the text."""
        if self.rules is not None or mark is None:
            return self.rules
        return RuleOrigin("text", f"column {mark.column}" if mark.line == 1 else f"line {mark.line}")


def read_rules(text: str, origin: LineOrigin) -> Document:
    """The plain data of one-line rules.

    Raises:
        ConfigError: they do not follow the grammar.
    """
    return _Parser(Scanner(text, origin.file), Marks(origin)).rules()


class _RangeElement(dict[str, object]):
    """The element of a range, among literals."""

    __slots__ = ()


class _Parser:
    """Reads one text, from left to right."""

    def __init__(self, scanner: Scanner, marks: Marks) -> None:
        self._scanner = scanner
        self._marks = marks
        self._depth = 0

    def rules(self) -> Document:
        """All of it."""
        scanner = self._scanner
        start = scanner.mark()
        rules: list[object] = []
        marks: list[Mark] = []
        default: tuple[object, Mark] | None = None
        while scanner.peek():
            begin, mark = scanner.at, scanner.mark()
            found = self._item()
            if is_dict(found):
                rules.append(found)
                marks.append(mark)
            elif default is not None:
                scanner.error(
                    begin,
                    f"a second default level {short(found)}, the first is in column {default[1].column}; "
                    "allowed: one; a rule is realm=level or [condition]=level",
                )
            else:
                default = (found, mark)
            if scanner.peek():
                scanner.require(",", "a comma before the next rule")
        data: dict[str, object] = {}
        items: dict[object, Mark] = {}
        if default is not None:
            data[DEFAULT_LEVEL], items[DEFAULT_LEVEL] = default
        if rules:
            self._marks.add(rules, mark=start, keys={}, items=marks)
            data[RULES], items[RULES] = rules, start
        self._marks.add(data, mark=start, keys=items, items=items)
        return Document(data, Place(self._marks, "", start))

    def _item(self) -> object:
        """A rule as a mapping, or a default level."""
        scanner = self._scanner
        mark = scanner.mark()
        conditions: list[object] = []
        marks: list[Mark] = []
        if scanner.peek() != "[":
            begin = scanner.at
            name, bare = self._name("a level, or a rule: realm=level, realm/**=level or [condition]=level")
            prefix = self._below(name, bare=bare)
            if prefix is None and bare and scanner.peek() in ("", ","):
                return self._level_of(name, begin)
            if prefix is None:
                conditions.append(self._element("realm", name, mark))
            else:
                conditions.append(self._element("realmprefix", prefix, mark))
            marks.append(mark)
        if scanner.take("["):
            self._conditions(conditions, marks)
        if not scanner.take("="):
            scanner.unexpected(self._after_selector())
        spec: dict[object, object] = {}
        places: dict[object, Mark] = {}
        places["level"] = scanner.mark()
        begin = scanner.at
        word = scanner.word(NAME)
        if word is None:
            scanner.unexpected(_LEVEL)
        spec["level"] = self._level_of(word, begin)
        if conditions:
            self._marks.add(conditions, mark=marks[0], keys={}, items=marks)
            spec["conditions"], places["conditions"] = conditions, marks[0]
        while scanner.take("@"):
            self._control(spec, places)
        self._marks.add(spec, mark=mark, keys=places, items=places)
        return self._element("rule", spec, mark)

    def _after_selector(self) -> str:
        """What may come after a selector, none of which has come."""
        scanner = self._scanner
        if scanner.text[: scanner.at].endswith("]"):
            return "= and a level"
        more = "; controls follow a rule, that for everything is []=level@…" if scanner.peek() == "@" else ""
        return f"=, [ or /** after a realm, a comma after a level{more}"

    def _level_of(self, word: str, begin: int) -> object:
        """A level as written; a number as a number. Whether there is such a level is asked later."""
        if len(word) > LONGEST_NUMBER:
            self._scanner.error(begin, f"unknown level {short(word)}; allowed: {_LEVEL}")
        return int(word) if word.isascii() and word.isdigit() else word

    def _name(self, allowed: str) -> tuple[str, bool]:
        """A name, and whether it stands without quotes."""
        scanner = self._scanner
        text = scanner.quoted()
        if text is not None:
            if not text:
                scanner.error(scanner.at - 2, "found an empty name; allowed: a text that is not empty")
            return text, False
        word = scanner.word(NAME)
        if word is None:
            more = _EVERYWHERE if scanner.peek() == "*" else ""
            scanner.unexpected(f"{allowed}{more}")
        return word, True

    def _below(self, name: str, *, bare: bool) -> str | None:
        """The realm of ``realm/**``, its name having been read; None if it is not followed by that."""
        scanner = self._scanner
        if bare and scanner.text[scanner.at : scanner.at + 1] == "*":
            follows = scanner.text[scanner.at : scanner.at + 2]
            if name.endswith("/") and follows == "**":
                if name == "/":
                    scanner.error(scanner.at - 1, f"found no realm before /**; allowed: realm/**{_EVERYWHERE}")
                scanner.at += 2
                return name[:-1]
            stem = name.rstrip("/")
            scanner.error(
                scanner.at,
                f"found '*' in a realm; allowed: a realm, or realm/** for it and all below; did you mean '{stem}/**'?",
            )
        return name if scanner.take("/**") else None

    def _conditions(self, conditions: list[object], marks: list[Mark]) -> None:
        """What stands in brackets, the first of which has been read."""
        scanner = self._scanner
        while not scanner.take("]"):
            marks.append(scanner.mark())
            conditions.append(self._condition())
            if scanner.peek() != "]":
                self._comma("]")

    def _comma(self, end: str) -> None:
        """Read the comma after a condition, which is not the last."""
        rest = self._scanner.text[self._scanner.at :]
        hint = next((hint for sign, hint in _MEANT.items() if rest.startswith(sign)), "")
        self._scanner.require(",", f"a comma before the next condition, or {end} after the last{hint}")

    def _condition(self) -> dict[str, object]:
        scanner = self._scanner
        mark = scanner.mark()
        self._depth += 1
        if self._depth > _MOST_LEVELS:
            scanner.error(scanner.at, f"the conditions are nested too deeply: more than {_MOST_LEVELS} levels")
        if scanner.take("!"):
            found = self._element("not", self._condition(), mark)
        elif scanner.take("#"):
            found = self._element("tag", self._name("the name of a tag")[0], mark)
        else:
            found = self._test(mark)
        self._depth -= 1
        return found

    def _group(self, kind: str, mark: Mark) -> dict[str, object]:
        """``all(a,b)`` or ``any(a,b)``, the parenthesis having been read."""
        scanner = self._scanner
        members: list[object] = []
        marks: list[Mark] = []
        while not scanner.take(")"):
            marks.append(scanner.mark())
            members.append(self._condition())
            if scanner.peek() != ")":
                self._comma(")")
        self._marks.add(members, mark=mark, keys={}, items=marks)
        return self._element(kind, members, mark)

    def _test(self, mark: Mark) -> dict[str, object]:
        scanner = self._scanner
        kind = "attribute"
        begin = scanner.at
        name_mark = scanner.mark()
        name, bare = self._name(_CONDITION)
        if bare and scanner.peek() == "(":
            if name not in GROUPS:
                scanner.error(begin, f"unknown group {short(name)}; allowed: all(…) and any(…){nearest(name, GROUPS)}")
            scanner.at += 1
            return self._group(GROUPS[name], mark)
        if scanner.peek() == ":":
            if name not in SOURCES:
                scanner.error(
                    begin, f"unknown source {short(name)}; allowed: {listing(SOURCES)}{nearest(name, SOURCES)}"
                )
            kind = name
            scanner.at += 1
            name_mark = scanner.mark()
            name, bare = self._name("the name of an attribute")
        if kind == "attribute" and bare and name in RESERVED:
            return self._special(name, mark)
        value_mark, value = self._value()
        spec: dict[object, object] = {"name": name, "value": value}
        places: dict[object, Mark] = {"name": name_mark, "value": value_mark}
        self._marks.add(spec, mark=mark, keys=places, items=places)
        return self._element(kind, spec, mark)

    def _special(self, word: str, mark: Mark) -> dict[str, object]:
        scanner = self._scanner
        if word in (SAMPLED, UNSAMPLED):
            if scanner.peek() in ("=", "~"):
                scanner.unexpected("sampled or unsampled alone; an attribute of that name stands in quotes")
            return self._element("sampled", word == SAMPLED, mark)
        if word == REALM:
            scanner.require("=", "=, as in realm=shop or realm=shop/**; an attribute of that name stands in quotes")
            name, bare = self._name("a realm")
            prefix = self._below(name, bare=bare)
            return self._element("realm" if prefix is None else "realmprefix", name if prefix is None else prefix, mark)
        _, value = self._value(texts=True)
        plain = value.get("value")
        return self._element("spanname", plain if isinstance(plain, str) and plain else value, mark)

    def _value(self, *, texts: bool = False) -> tuple[Mark, dict[str, object]]:
        """The value element after a name; without one the name only has to be there."""
        scanner = self._scanner
        mark = scanner.mark()
        if scanner.take("=~"):
            return mark, self._element("regex", self._text("a regular expression"), scanner.mark(scanner.at))
        if scanner.take("~"):
            return mark, self._element("glob", self._text("a pattern, as in name~acme-*"), mark)
        if not scanner.take("="):
            return mark, self._element("exists", _IT_DOES, mark)
        mark = scanner.mark()
        if scanner.peek() == "|":
            scanner.at += 1
            return mark, self._one_of([], [], mark)
        literal = self._literal(texts=texts)
        if isinstance(literal, _RangeElement):
            return mark, literal
        if scanner.peek() != "|":
            return mark, self._element("value", literal, mark)
        values, marks = [literal], [mark]
        while scanner.take("|"):
            if scanner.peek() in (",", "]", ")", ""):
                break
            marks.append(scanner.mark())
            begin = scanner.at
            literal = self._literal(texts=texts)
            if isinstance(literal, _RangeElement):
                scanner.error(begin, "found a range among values; allowed: single values, in quotes if they have ..")
            values.append(literal)
        return mark, self._one_of(values, marks, mark)

    def _one_of(self, values: list[object], marks: list[Mark], mark: Mark) -> dict[str, object]:
        self._marks.add(values, mark=mark, keys={}, items=marks)
        return self._element("oneof", values, mark)

    def _literal(self, *, texts: bool) -> object:
        """A value, or the element of a range."""
        scanner = self._scanner
        text = scanner.quoted()
        if text is not None:
            return text
        mark, begin = scanner.mark(), scanner.at
        word = scanner.word(PATTERN)
        if word is None:
            scanner.unexpected(_VALUE)
        if LITERAL.fullmatch(word) is None:
            scanner.error(
                begin,
                f"found the pattern {short(word)} after =; allowed: a value; patterns come after ~, as in name~acme-*, "
                f"and a text with * or ? stands in quotes; did you mean '~{short(word)[1:-1]}'?",
            )
        if ".." in word:
            return self._range(word, begin, mark)
        return word if texts else plain_literal(word)

    def _range(self, word: str, begin: int, mark: Mark) -> _RangeElement:
        limits: dict[object, object] = {}
        places: dict[object, Mark] = {}
        low, _, high = word.partition("..")
        for side, text in (("min", low), ("max", high)):
            if not text:
                continue
            limit = _number(text)
            if limit is None:
                self._scanner.error(
                    begin,
                    f"found {short(word)}; allowed: a range of numbers, 1..5, 50.. or ..100; a text with .. stands in "
                    "quotes",
                )
            limits[side] = limit
            places[side] = mark
        self._marks.add(limits, mark=mark, keys=places, items=places)
        element = _RangeElement({"range": limits})
        self._marks.add(element, mark=mark, keys={"range": mark}, items={"range": mark})
        return element

    def _text(self, what: str) -> str:
        scanner = self._scanner
        text = scanner.quoted()
        if text is None:
            text = scanner.word(PATTERN)
        if text is None:
            scanner.unexpected(f"{what}, in quotes where it has blanks or one of ,[]()|\"'=~\\")
        return text

    def _control(self, spec: dict[object, object], places: dict[object, Mark]) -> None:
        scanner = self._scanner
        mark, begin = scanner.mark(), scanner.at
        name = scanner.word(NAME)
        if name is None:
            scanner.unexpected(f"a control: {listing(CONTROLS)}")
        if name not in CONTROLS:
            scanner.error(
                begin, f"unknown control {short(name)}; allowed: {listing(CONTROLS)}{nearest(name, CONTROLS)}"
            )
        if name in spec:
            scanner.error(begin, f"a second control {short(name)}; allowed: each once")
        if not scanner.take("="):
            spec[name], places[name] = True, mark
            return
        places[name] = scanner.mark()
        spec[name] = self._settings(places[name]) if scanner.take("(") else self._setting()

    def _settings(self, mark: Mark) -> dict[object, object]:
        """``(rate=100/s,per=tenant)``, its first character having been read."""
        scanner = self._scanner
        found: dict[object, object] = {}
        places: dict[object, Mark] = {}
        while not scanner.take(")"):
            key_mark, begin = scanner.mark(), scanner.at
            key = scanner.word(NAME)
            if key is None:
                scanner.unexpected("key=value, or )")
            if key in found:
                scanner.error(begin, f"a second {short(key)}; allowed: each once")
            scanner.require("=", f"= and the value of {key}")
            places[key] = key_mark
            found[key] = self._setting()
            if scanner.peek() != ")":
                scanner.require(",", "a comma before the next key, or ) after the last")
        self._marks.add(found, mark=mark, keys=places, items=places)
        return found

    def _setting(self) -> object:
        scanner = self._scanner
        text = scanner.quoted()
        if text is not None:
            return text
        begin = scanner.at
        word = scanner.word(LITERAL)
        if word is None:
            scanner.unexpected(_VALUE)
        # The next control begins with @, and a value of one has none.
        value, at, _ = word.partition("@")
        if at:
            scanner.blanks()
            scanner.at = scanner.text.index("@", begin)
        if not value:
            scanner.unexpected(_VALUE)
        return plain_setting(value)

    def _element(self, kind: str, spec: object, mark: Mark) -> dict[str, object]:
        element: dict[str, object] = {kind: spec}
        places: dict[object, Mark] = {kind: mark}
        self._marks.add(element, mark=mark, keys=places, items=dict.fromkeys([kind], self._spec_mark(spec, mark)))
        return element

    def _spec_mark(self, spec: object, mark: Mark) -> Mark:
        entry = self._marks.entry(spec)
        return mark if entry is None else entry.mark


def _number(text: str) -> int | float | None:
    """The finite number that a text is; None if it is none."""
    if len(text) > LONGEST_NUMBER or _NUMBER.fullmatch(text) is None:
        return None
    number = int(text) if text.lstrip("+-").isdigit() else float(text)
    return number if isinstance(number, int) or math.isfinite(number) else None

"""The characters of one-line rules: names, values and quoted texts, and errors that point at what they are about."""

from __future__ import annotations

import math
import re
import unicodedata
from bisect import bisect_right
from typing import TYPE_CHECKING, Final, NoReturn

from otel_ctxlog.config.places import Mark
from otel_ctxlog.config.wording import short
from otel_ctxlog.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "LITERAL",
    "LONGEST_NUMBER",
    "NAME",
    "PATTERN",
    "Scanner",
    "plain_literal",
    "plain_setting",
    "pointed_at",
    "quoted",
]

_NOWHERE: Final = r"\s\x00-\x1f\x7f-\x9f,\[\]()|\"'=~\\"

# Comparisons, separators and braces of other languages are no names by mistake: a>5 would be asked for as a name.
NAME: Final = re.compile(rf"[^{_NOWHERE}!#@:*?<>&;{{}}]+")
"""A name without quotes: of a realm, a tag, an attribute, a level."""
LITERAL: Final = re.compile(rf"[^{_NOWHERE}*?]+")
"""A value without quotes."""
PATTERN: Final = re.compile(rf"[^{_NOWHERE}]+")
"""A pattern without quotes."""

_BLANK: Final = re.compile(r"[ \t\r\n]*")
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)")
_FLOAT: Final = re.compile(r"-?[0-9][0-9.e+-]*")
_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]{1,2})?", re.IGNORECASE)
LONGEST_NUMBER: Final = 400
"""How many characters a number may have."""
_WORDS: Final[dict[str, object]] = {"true": True, "false": False, "null": None}
_ESCAPES: Final = {'"': '"', "'": "'", "\\": "\\", "/": "/", "n": "\n", "r": "\r", "t": "\t"}
_HEX_DIGITS: Final = {"u": 4, "U": 8}
_LARGEST_SHORT_ESCAPE: Final = 0xFFFF
_LARGEST_CODE: Final = 0x10FFFF
_EXCERPT: Final = 100
# What Linux allows for one environment variable.
_LONGEST_TEXT: Final = 128 * 1024


class Scanner:
    """A text, and how far it has been read."""

    __slots__ = ("_name", "_starts", "at", "text")

    def __init__(self, text: str, name: str | None) -> None:
        self.text = text
        self.at = 0
        self._name = name
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]
        if len(text) > _LONGEST_TEXT:
            raise ConfigError(f"the rules are too long: more than {_LONGEST_TEXT} characters", file=name)

    def blanks(self) -> None:
        """Read blanks and line breaks."""
        found = _BLANK.match(self.text, self.at)
        self.at = self.at if found is None else found.end()

    def peek(self) -> str:
        """The next character after blanks, an empty text at the end."""
        self.blanks()
        return self.text[self.at : self.at + 1]

    def take(self, expected: str) -> bool:
        """True, and read, if that text comes next."""
        self.blanks()
        if not self.text.startswith(expected, self.at):
            return False
        self.at += len(expected)
        return True

    def require(self, expected: str, allowed: str) -> None:
        """Read that text, or raise."""
        if not self.take(expected):
            self.unexpected(allowed)

    def word(self, kind: re.Pattern[str]) -> str | None:
        """Read a text without quotes; None if none comes next."""
        self.blanks()
        found = kind.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found.group()

    def quoted(self) -> str | None:
        """Read a text in quotes; None if none comes next."""
        mark = self.peek()
        if mark not in ("'", '"') or not mark:
            return None
        begin = self.at
        self.at += 1
        if mark == "'":
            end = self.text.find("'", self.at)
            if end < 0:
                self.error(begin, f"the text {short(self.text[begin:])} has no end; allowed: a closing ' after it")
            self.at, content = end + 1, self.text[self.at : end]
            return content
        parts: list[str] = []
        while True:
            character = self.text[self.at : self.at + 1]
            if not character:
                self.error(begin, f'the text {short(self.text[begin:])} has no end; allowed: a closing " after it')
            self.at += 1
            if character == '"':
                return "".join(parts)
            parts.append(self._escaped() if character == "\\" else character)

    def _escaped(self) -> str:
        begin, kind = self.at - 1, self.text[self.at : self.at + 1]
        self.at += 1
        if kind in _ESCAPES:
            return _ESCAPES[kind]
        digits = self.text[self.at : self.at + _HEX_DIGITS.get(kind, 0)]
        if kind in _HEX_DIGITS and re.fullmatch(r"[0-9a-fA-F]+", digits) and len(digits) == _HEX_DIGITS[kind]:
            code = int(digits, 16)
            if code <= _LARGEST_CODE:
                self.at += len(digits)
                return chr(code)
        return self.error(
            begin,
            f"unknown escape {short(chr(92) + kind + digits)}; "
            r"allowed: \" \\ \n \r \t \uXXXX \UXXXXXXXX, or the text in single quotes, where \ means nothing",
        )

    def unexpected(self, allowed: str) -> NoReturn:
        """Raise for what comes next."""
        found = self.peek()
        self.error(self.at, f"found {short(found) if found else 'the end'}; allowed: {allowed}")

    def error(self, index: int, problem: str) -> NoReturn:
        """Raise, pointing at that position."""
        mark = self.mark(index)
        raise ConfigError(pointed_at(self.text, mark, problem), file=self._name, line=mark.line, column=mark.column)

    def mark(self, index: int | None = None) -> Mark:
        """The line and column of a position, by default of what comes next."""
        if index is None:
            self.blanks()
            index = self.at
        line = bisect_right(self._starts, index)
        return Mark(line, index - self._starts[line - 1] + 1)


def pointed_at(text: str, mark: Mark, problem: str) -> str:
    """`problem`, and below it the line that it is about, with a caret under the column."""
    line = text.split("\n")[mark.line - 1]
    at = min(mark.column - 1, len(line))
    begin = max(0, at - _EXCERPT // 2)
    end = begin + _EXCERPT
    before, after = line[begin:at], line[at:end]
    left, right = ("…" if begin else ""), ("…" if end < len(line) else "")
    shown = "".join(map(_visible, before + after))
    blanks = " " * sum(map(_width, left + "".join(map(_visible, before))))
    return f"{problem}\n  {left}{shown}{right}\n  {blanks}^"


def _visible(character: str) -> str:
    return character if character.isprintable() else " "


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def plain_literal(word: str) -> object:
    """What a value without quotes means: ``true``, ``false``, ``null``, a number in its usual form, or else a text.

    What is no number in its shortest form, like ``007`` and ``1.10``, is a text: baggage has nothing but texts, and a
    version is no number.
    """
    if word in _WORDS:
        return _WORDS[word]
    if len(word) <= LONGEST_NUMBER:
        if _INTEGER.fullmatch(word) and word != "-0":
            return int(word)
        if _FLOAT.fullmatch(word):
            try:
                number = float(word)
            except ValueError:
                return word
            return number if repr(number) == word else word
    return word


def plain_setting(word: str) -> object:
    """What the value of a control without quotes means: as `plain_literal`, and any form of a number is one: ``0.10``.

    Controls are about numbers, where a form that is not the shortest is no text that somebody meant.
    """
    value = plain_literal(word)
    if not isinstance(value, str) or len(word) > LONGEST_NUMBER or _DECIMAL.fullmatch(word) is None:
        return value
    number = float(word)
    return number if math.isfinite(number) else value


def quoted(text: str, *, raw: bool = False) -> str:
    """`text` in quotes.

    Args:
        text: any text.
        raw: in single quotes where it has backslashes and that is possible: easier to read for a pattern.
    """
    if raw and "\\" in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    return '"' + "".join(map(_written, text)) + '"'


def _written(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    named: Callable[[str], str | None] = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}.get
    code = ord(character)
    return named(character) or (f"\\u{code:04x}" if code <= _LARGEST_SHORT_ESCAPE else f"\\U{code:08x}")

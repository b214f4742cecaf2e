"""The value of a YAML scalar: the tags and the rules of YAML 1.1, as PyYAML's safe loader has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from yaml.constructor import SafeConstructor
from yaml.nodes import ScalarNode
from yaml.resolver import Resolver

from otel_ctxlog.config.wording import short

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ALLOWED_TAGS", "MERGE_TAG", "STANDARD_PREFIX", "is_plain_text", "scalar_tag", "scalar_value", "tag_name"]

STANDARD_PREFIX: Final = "tag:yaml.org,2002:"
MERGE_TAG: Final = STANDARD_PREFIX + "merge"
_TEXT_TAG: Final = STANDARD_PREFIX + "str"

ALLOWED_TAGS: Final = (
    "!!map, !!seq, !!set, !!omap, !!pairs, !!str, !!int, !!float, !!bool, !!null, !!binary, !!timestamp"
)

# `<<` and `=` mean something as keys only; elsewhere they are the text they look like.
_TEXT_TAGS: Final = frozenset({_TEXT_TAG, MERGE_TAG, STANDARD_PREFIX + "value"})

# Base 60 takes quadratic time; longer numbers of that kind are nobody's.
_MOST_SEXAGESIMAL_DIGITS: Final = 100


class _OwnResolver(Resolver):
    """The standard resolver with a table of its own, out of reach of what others register with PyYAML."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the name and kind PyYAML asks for
        first: list(resolvers) for first, resolvers in Resolver.yaml_implicit_resolvers.items()
    }


_RESOLVER = _OwnResolver()
_RESOLVE = cast("Callable[[type[ScalarNode], str, tuple[bool, bool]], str]", getattr(_RESOLVER, "resolve"))  # noqa: B009 - untyped there
_CONSTRUCTOR = SafeConstructor()
_CONSTRUCTORS: Final = {
    STANDARD_PREFIX + "null": SafeConstructor.construct_yaml_null,
    STANDARD_PREFIX + "bool": SafeConstructor.construct_yaml_bool,
    STANDARD_PREFIX + "int": SafeConstructor.construct_yaml_int,
    STANDARD_PREFIX + "float": SafeConstructor.construct_yaml_float,
    STANDARD_PREFIX + "binary": SafeConstructor.construct_yaml_binary,
    STANDARD_PREFIX + "timestamp": SafeConstructor.construct_yaml_timestamp,
}


def scalar_tag(tag: str | None, *, text: str, implicit: tuple[bool, bool]) -> str:
    """The tag of a scalar: the explicit one, or the one its text has by the rules of YAML 1.1."""
    if tag is not None and tag != "!":
        return tag
    if not implicit[0]:
        return _TEXT_TAG
    return _RESOLVE(ScalarNode, text, implicit)


def is_plain_text(text: str) -> bool:
    """True if YAML reads the unquoted `text` as a text, not as a number, a date or the like."""
    return _RESOLVE(ScalarNode, text, (True, False)) == _TEXT_TAG


def scalar_value(tag: str, text: str) -> object:
    """The value of a scalar.

    Raises:
        ValueError: the text is not of the kind the tag says, or the tag is none of the safe ones.
    """
    if tag in _TEXT_TAGS:
        return text
    construct = _CONSTRUCTORS.get(tag)
    if construct is None:
        raise ValueError(f"the tag {short(tag_name(tag))} is not allowed here; allowed: {ALLOWED_TAGS}")
    if text.count(":") > _MOST_SEXAGESIMAL_DIGITS:
        raise ValueError(f"{short(text)} has too many digits to base 60 to be a number")
    try:
        value: object = construct(_CONSTRUCTOR, ScalarNode(tag, text))
    except Exception as error:  # PyYAML fails in many ways on a text that does not fit its tag
        raise ValueError(f"{short(text)} is no valid {tag_name(tag)}: {short(str(error))}") from error
    return value


def tag_name(tag: str) -> str:
    """A tag as people write it: ``!!int``."""
    return f"!!{tag[len(STANDARD_PREFIX) :]}" if tag.startswith(STANDARD_PREFIX) else tag

"""Arguments of `setup` that no type checker has seen: each error says which argument, what it is, and what is allowed.

Values of headers are never shown: they are credentials.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from otel_ctxlog.pipeline.environment import Protocol

__all__ = ["check_headers", "check_mapping", "check_text"]

# gRPC takes less than HTTP: https://grpc.github.io/grpc/core/md_doc__p_r_o_t_o_c_o_l-_h_t_t_p2.html
_NAME: Final[dict[Protocol, tuple[re.Pattern[str], str]]] = {
    "grpc": (re.compile(r"[0-9a-z_.-]+"), "letters, digits and _ . -"),
    "http/protobuf": (re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+"), "letters, digits and ! # $ % & ' * + . ^ _ ` | ~ -"),
}
_VALUE: Final[dict[Protocol, tuple[re.Pattern[str], str]]] = {
    "grpc": (re.compile(r"[ -~]*"), "printable ASCII"),
    "http/protobuf": (re.compile(r"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*))?"), "printable Latin-1, no blank in front"),
}


def check_text(value: object, *, what: str) -> None:
    """Do nothing for a text, and for None.

    Raises:
        TypeError: anything else.
    """
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{what} is {value!r}, allowed: a text (str)")


def check_mapping(value: object, *, what: str, example: str) -> None:
    """Do nothing for a mapping whose keys are texts, and for None.

    Raises:
        TypeError: anything else; the values are not shown.
    """
    if value is None:
        return
    if not isinstance(value, Mapping):
        raise TypeError(f"{what} is a {type(value).__name__}, allowed: a mapping, like {example}")
    for key in value:  # pyright: ignore[reportUnknownVariableType]
        if not isinstance(key, str):
            raise TypeError(f"{what} has the name {key!r}, allowed: texts (str)")


def check_headers(headers: Mapping[str, str], protocol: Protocol, *, what: str) -> None:
    """Check what the protocol would refuse, at every export, long after `setup`; names are lower case by now.

    Raises:
        TypeError: a value that is no text.
        ValueError: a name or a value with a character that the protocol does not take.
    """
    for name, value in headers.items():
        pattern, allowed = _NAME[protocol]
        if pattern.fullmatch(name) is None:
            raise ValueError(f"{what} has the name {name!r}, allowed over {protocol}: {allowed}")
        if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"{what} has a {type(value).__name__} for {name!r}, allowed: a text (str)")  # pyright: ignore[reportUnreachable]
        pattern, allowed = _VALUE[protocol]
        if pattern.fullmatch(value) is None:
            # The first character is a blank, or there is one that does not fit; which one is safe to say.
            bad = next((character for character in value if pattern.fullmatch(character) is None), value[0])
            raise ValueError(f"{what} has {bad!r} in the value of {name!r}, allowed over {protocol}: {allowed}")

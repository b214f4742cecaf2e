"""What of the recent records is never shown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate
from typing import Final

__all__ = ["DEFAULT_REDACTED", "REDACTED", "Redaction"]

DEFAULT_REDACTED: Final = (
    "*password*",
    "*passwd*",
    "*secret*",
    "*credential*",
    "*authorization*",
    "*cookie*",
    "*api_key*",
    "*apikey*",
    "*_token",
    "*.token",
    "token",
    "*session_id*",
)
"""Names whose values are not shown unless told otherwise; small and capital letters are the same."""

REDACTED: Final = "[redacted]"
_MOST_NAMES: Final = 5_000


class Redaction:
    """Which values are hidden.

    Args:
        names: globs over names of attributes and baggage entries, in whatever case.
        bodies: whether bodies are shown.

    Raises:
        TypeError: `names` is a text, or one of it is none.
    """

    __slots__ = ("_known", "_pattern", "bodies")

    def __init__(self, names: Iterable[str] = DEFAULT_REDACTED, *, bodies: bool = True) -> None:
        if isinstance(names, (str, bytes)):
            raise TypeError(f"redact must be several globs, like ['*password*'], but got {names!r}")
        globs = tuple(names)
        for glob in globs:
            if not isinstance(glob, str):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TypeError(f"a glob of redact must be a str, but got {glob!r}")
        self._pattern = re.compile("|".join(map(translate, globs)), re.IGNORECASE) if globs else None
        # Names are few, and asked for with every record.
        self._known: dict[str, bool] = {}
        self.bodies = bodies

    def hides(self, name: str) -> bool:
        """Return whether the value under that name is hidden."""
        known = self._known.get(name)
        if known is None:
            known = self._pattern is not None and self._pattern.match(name) is not None
            if len(self._known) < _MOST_NAMES:
                self._known[name] = known
        return known

"""Whether a stream gets colours, and which.

The order, as https://no-color.org and https://force-color.org ask for: a non-empty ``NO_COLOR`` means none, whatever
else there is; a non-empty ``FORCE_COLOR``, ``0`` too, means colours; then ``TERM=dumb`` means none; then a terminal has
them, and nothing else does.
"""

from __future__ import annotations

import os
import sys
from typing import Final

__all__ = ["DIM", "EVENT", "NAME", "REALM", "color_of_severity", "paint", "wants_color"]

# Parameters of ANSI "select graphic rendition" sequences.
DIM: Final = "2"
NAME: Final = "1"
REALM: Final = "35"
EVENT: Final = "1;36"
_BY_RANGE: Final = ("2", "36", "32", "33", "31", "1;31")


def paint(text: str, color: str) -> str:
    """Return `text` in a colour, given as the parameters of an ANSI sequence."""
    return f"\x1b[{color}m{text}\x1b[0m"


def color_of_severity(severity: int) -> str:
    """Return the colour of an OpenTelemetry severity number."""
    return _BY_RANGE[min((severity - 1) // 4, 5)] if severity > 0 else DIM


def wants_color(stream: object) -> bool:
    """Return whether lines for this stream get colours: by the environment, else where it is a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        _prepare(stream)
        return True
    return os.environ.get("TERM") != "dumb" and is_terminal(stream) and _prepare(stream)


def is_terminal(stream: object) -> bool:
    """Return whether a stream is a terminal; False where it cannot say."""
    try:
        return bool(stream.isatty())  # type: ignore[attr-defined]
    except Exception:  # noqa: BLE001 - whatever a stream of the user does; closed ones raise ValueError
        return False


if sys.platform == "win32":

    def _prepare(stream: object) -> bool:
        """Have a Windows console obey ANSI sequences; return whether it does."""
        try:
            import ctypes
            import msvcrt

            handle = msvcrt.get_osfhandle(stream.fileno())  # type: ignore[attr-defined]
            mode = ctypes.c_uint32()
            if not ctypes.windll.kernel32.GetConsoleMode(handle, ctypes.byref(mode)):
                return True  # a terminal that is no Windows console: mintty, an IDE
            processing = 0x0004  # ENABLE_VIRTUAL_TERMINAL_PROCESSING
            if mode.value & processing:
                return True
            return bool(ctypes.windll.kernel32.SetConsoleMode(handle, mode.value | processing))
        except Exception:  # noqa: BLE001 - a stream without a handle, an interpreter without ctypes
            return False

else:

    def _prepare(stream: object) -> bool:  # noqa: ARG001 - see above
        """Return True: terminals elsewhere obey ANSI sequences."""
        return True

"""What lies where in a spool's directory, by name; whatever has another name is somebody else's.

::

    PATH/
      18c2f0a1b2c3d4e5-9f8e7d6c.owner/       of one process, since it began to write; both parts hexadecimal
        owner.lock                           locked while that process lives; says who it is
        18c2f0a1b2c3d4e5.segment             records; the name is the time in nanoseconds, growing within an owner
      18c2f0a1b2c3d4e5-9f8e7d6c.making/      an owner's folder before it is complete
      18c2….18c2….100.corrupt                a stretch of a segment that cannot be read: owner, segment, offset
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Final

__all__ = ["CORRUPT", "LOCK", "corrupt_name", "later", "listed_corrupt", "listed_making", "listed_owners", "new_stem"]
__all__ += ["MAKING", "OWNER", "listed_segments", "segment_name", "stem_of", "used_bytes"]

LOCK: Final = "owner.lock"
OWNER: Final = ".owner"
MAKING: Final = ".making"
CORRUPT: Final = ".corrupt"

_STEM: Final = "[0-9a-f]{16}-[0-9a-f]{8}"
_OWNER: Final = re.compile(rf"{_STEM}\{OWNER}")
_MAKING: Final = re.compile(rf"{_STEM}\{MAKING}")
_SEGMENT: Final = re.compile(r"[0-9a-f]{16}\.segment")
_CORRUPT: Final = re.compile(rf"{_STEM}\.[0-9a-f]{{16}}\.[0-9a-f]+\{CORRUPT}")


def later(than: int = 0) -> int:
    """Return the time in nanoseconds since the epoch, or a little more where the clock was put back."""
    return max(time.time_ns(), than + 1)


def new_stem() -> str:
    """Return the name of an owner without its ending; those of later owners sort behind it."""
    return f"{time.time_ns():016x}-{os.urandom(4).hex()}"


def segment_name(made: int) -> str:
    """Return the name of a segment made at a time in nanoseconds."""
    return f"{made:016x}.segment"


def stem_of(path: Path) -> str:
    """Return a name without its ending."""
    return path.name.rpartition(".")[0]


def corrupt_name(segment: Path, offset: int) -> str:
    """Return where a stretch of a segment is set aside; the same stretch always has the same name."""
    return f"{stem_of(segment.parent)}.{stem_of(segment)}.{offset:x}{CORRUPT}"


def listed_owners(root: Path) -> list[Path]:
    """Return the folders of owners, the oldest first; none where the directory is not there.

    Raises:
        OSError: the directory cannot be read.
    """
    return _listed(root, _OWNER)


def listed_making(root: Path) -> list[Path]:
    """Return the folders that were not completed, yet or ever; as `listed_owners`."""
    return _listed(root, _MAKING)


def listed_segments(folder: Path) -> list[Path]:
    """Return the segments of an owner in the order of writing; as `listed_owners`."""
    return _listed(folder, _SEGMENT)


def listed_corrupt(root: Path) -> list[Path]:
    """Return what was set aside, that of the oldest owner first; as `listed_owners`."""
    return _listed(root, _CORRUPT)


def _listed(folder: Path, pattern: re.Pattern[str]) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries]
    except FileNotFoundError:
        return []
    return [folder / name for name in sorted(names) if pattern.fullmatch(name)]


def used_bytes(root: Path) -> int:
    """Return how much all segments of all owners take.

    Raises:
        OSError: the directory cannot be read.
    """
    total = 0
    for owner in listed_owners(root):
        try:
            with os.scandir(owner) as entries:
                for entry in entries:
                    if _SEGMENT.fullmatch(entry.name):
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            # Another process has just sent and removed it, or keeps it to itself.
            continue
    return total

"""A finished answer at the place that was asked for."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

__all__ = ["place"]


def place(answer: Path, output: str) -> None:
    """Put a file at a place, where it appears, or replaces the file that is there, when it is complete.

    Devices and pipes get its content, and so do files that may be written but not replaced.

    Raises:
        OSError: it cannot be put there.
    """
    # What the last ones stand for may be a file, but one that others have open.
    file = os.path.isfile(output) or not os.path.exists(output)  # noqa: PTH110, PTH113 - the name as given
    if file and not output.startswith(("/dev/", "/proc/")):
        try:
            # Not a link itself, but what it stands for.
            _replace(answer, Path(output).resolve())
        except OSError as error:
            if not os.access(output, os.W_OK):
                raise OSError(error.errno, error.strerror, output) from error
        else:
            return
    with answer.open("rb") as source, open(output, "wb") as target:  # noqa: PTH123 - errors show the name as given
        shutil.copyfileobj(source, target)


def _replace(answer: Path, target: Path) -> None:
    try:
        answer.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # Another file system: first beside its place, then a rename.
        with tempfile.TemporaryDirectory(prefix=".otel-ctxlog-", dir=target.parent) as folder:
            beside = Path(folder) / "answer"
            shutil.copyfile(answer, beside)
            beside.replace(target)

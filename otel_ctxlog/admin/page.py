"""The page: one HTML text with its style and its script in it, so that nothing is loaded from anywhere."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from importlib import resources
from typing import Final

__all__ = ["page"]

_FILES: Final = "otel_ctxlog.admin"


@lru_cache(maxsize=1)
def page() -> tuple[bytes, str]:
    """Return the page, and the ``Content-Security-Policy`` under which nothing runs but its own script."""
    style, script, frame = map(_read, ("page.css", "page.js", "page.html"))
    html = frame.replace("/*STYLE*/", style).replace("/*SCRIPT*/", script)
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hash(script)}",
            f"style-src {_hash(style)}",
            "connect-src 'self'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )
    return html.encode("utf-8"), policy


def _read(name: str) -> str:
    return resources.files(_FILES).joinpath("page").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"

"""Tests of what code logs: captured records, what the rules suppressed and why, and asserts that show both.

::

    from otel_ctxlog.testing import capture

    with capture() as log:
        checkout()
    log.assert_logged("price calculated", realm="shop/cart", net=84)

With pytest the same object is the fixture ``ctxlog``. See ``docs/testing.md``.
"""

from __future__ import annotations

from otel_ctxlog.testing.capturing import Capture, Undo, capture
from otel_ctxlog.testing.record import CapturedRecord
from otel_ctxlog.testing.suppressed import SuppressedCall

__all__ = ["Capture", "CapturedRecord", "SuppressedCall", "Undo", "capture"]

"""Serve a Flask app on a free loopback port until SIGTERM or Ctrl-C."""

from __future__ import annotations

import logging
import signal
import sys
from typing import TYPE_CHECKING

from werkzeug.serving import make_server

if TYPE_CHECKING:
    from types import FrameType

    from flask import Flask

__all__ = ["serve"]


def _end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    # An exception instead of the signal's usual effect: so the pipeline's `with` block ends, and sends what is queued.
    sys.exit(0)


def serve(app: Flask) -> None:
    """Say ``listening on URL`` on standard output, then answer requests until the process is told to end."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line per request
    server = make_server("127.0.0.1", 0, app, threaded=True)
    signal.signal(signal.SIGTERM, _end)
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()

"""gunicorn, the application and its pipeline made once, in the master; the workers inherit both by the fork.

PYTHONPATH=examples gunicorn -c examples/stack/gunicorn_preload.py stack.orders:app
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stack.adoption import start

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped] # pyright: ignore[reportMissingTypeStubs]

bind = "127.0.0.1:0"
workers = 3
worker_class = "uvicorn_worker.UvicornWorker"
preload_app = True
graceful_timeout = 10
control_socket_disable = True  # it would be a file in the home folder, the same for every gunicorn


def on_starting(server: Arbiter) -> None:  # noqa: ARG001 - gunicorn's signature
    """Begin in the master, before it forks."""
    start()

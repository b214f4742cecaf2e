"""gunicorn, each worker with a pipeline of its own: made in the worker, after the fork.

PYTHONPATH=examples gunicorn -c examples/stack/gunicorn_post_fork.py stack.orders:app
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stack.adoption import start

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped] # pyright: ignore[reportMissingTypeStubs]
    from gunicorn.workers.base import Worker  # type: ignore[import-untyped] # pyright: ignore[reportMissingTypeStubs]

bind = "127.0.0.1:0"
workers = 2
worker_class = "uvicorn_worker.UvicornWorker"
graceful_timeout = 10
control_socket_disable = True  # it would be a file in the home folder, the same for every gunicorn


def post_fork(server: Arbiter, worker: Worker) -> None:  # noqa: ARG001 - gunicorn's signature
    """Begin in the worker, before it loads the application: what is logged meanwhile is under the rules, too."""
    start()

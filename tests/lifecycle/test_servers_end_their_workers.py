"""Real servers with real workers: what requests and tasks have logged arrives when the workers end."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .programs import eventually

if TYPE_CHECKING:
    from collections.abc import Generator

    from .programs import Done, Programs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="these servers fork"),
]

REQUESTS = 10
UWSGI = shutil.which("uwsgi", path=str(Path(sys.executable).parent))

START = """
import os
import otel_ctxlog as cl

telemetry = cl.setup(service_name=os.environ["RUN"], protocol="http/protobuf")
log = cl.log(cl.Realm("server"))
"""

WSGI = (
    START
    + """
def application(environ, start_response):
    for _ in range(10):
        log.info("request")
    start_response("200 OK", [("Content-Type", "text/plain"), ("Connection", "close")])
    return [b"done"]
"""
)

# With `END` in the environment, the end of the lifespan is the end of the pipeline.
ASGI = (
    START
    + """
import asyncio

async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] == "lifespan.startup":
            log.info("up")
            await send({"type": "lifespan.startup.complete"})
        log.info("down")
        if "END" in os.environ:
            await telemetry.ashutdown()
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/slow":
        await asyncio.sleep(1)
    for _ in range(10):
        log.info("request")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
    await send({"type": "http.response.body", "body": b"done"})
"""
)


class Server:
    """A server on a port of its own, and what it prints."""

    def __init__(self, programs: Programs, folder: Path, app: str, command: list[str], **variables: str) -> None:
        (folder / "app.py").write_text(app, encoding="utf-8")
        with socket.socket() as reserved:
            reserved.bind(("127.0.0.1", 0))
            self._port = str(reserved.getsockname()[1])
        self._programs = programs
        filled = [part.replace("PORT", self._port) for part in command]
        self.process = programs.spawn(filled, cwd=folder, **variables)

    def get(self, path: str = "/") -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=20) as answer:
            body = answer.read()
        assert isinstance(body, bytes)
        return body

    def ask(self, count: int = REQUESTS) -> None:
        """Get `count` answers; wait for the server before the first."""

        def answers() -> bool:
            assert self.process.poll() is None, self.process.communicate()
            try:
                return self.get() == b"done"
            except OSError:
                return False

        assert eventually(answers)
        for _ in range(count - 1):
            assert self.get() == b"done"

    def end(self, number: int) -> Done:
        self.process.send_signal(number)
        return self._programs.finish(self.process)


@contextmanager
def running(programs: Programs, folder: Path, app: str, command: list[str], **variables: str) -> Generator[Server]:
    server = Server(programs, folder, app, command, **variables)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.communicate()


def gunicorn(*options: str) -> list[str]:
    return [sys.executable, "-m", "gunicorn", "app:application", "-b", "127.0.0.1:PORT", "-w", "2", *options]


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
@pytest.mark.parametrize("worker", [("-k", "sync"), ("-k", "gthread", "--threads", "2")], ids=["sync", "gthread"])
def test_gunicorn(programs: Programs, tmp_path: Path, worker: tuple[str, ...], preload: tuple[str, ...]) -> None:
    """Workers that leave after HUP, after `max_requests` and after TERM deliver, with `--preload` and without."""
    with running(programs, tmp_path, WSGI, gunicorn(*worker, *preload, "--max-requests", "7")) as server:
        server.ask()
        server.process.send_signal(signal.SIGHUP)
        time.sleep(1)
        server.ask()
        done = server.end(signal.SIGTERM)

    assert done.code == 0, done.err
    assert Counter(done.bodies()) == {"request": 20 * REQUESTS}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_gunicorn_that_is_quit_at_once(programs: Programs, tmp_path: Path, number: int) -> None:
    """A quick shutdown delivers, too."""
    with running(programs, tmp_path, WSGI, gunicorn("-k", "sync")) as server:
        server.ask()
        done = server.end(number)

    assert done.code == 0, done.err
    assert Counter(done.bodies()) == {"request": 10 * REQUESTS}


UVICORN = ["-m", "uvicorn", "app:application", "--port", "PORT"]
UVICORN_RUN = ["-c", "import sys, uvicorn, app; uvicorn.run(app.application, port=int(sys.argv[1]))", "PORT"]


@pytest.mark.parametrize(
    ("command", "variables"), [(UVICORN_RUN, {}), (UVICORN, {"END": "1"})], ids=["run", "command-with-lifespan"]
)
def test_uvicorn(programs: Programs, tmp_path: Path, command: list[str], variables: dict[str, str]) -> None:
    """It restores what it found before it loaded the application, and raises its signal again: all arrives."""
    with running(programs, tmp_path, ASGI, [sys.executable, *command], **variables) as server:
        server.ask()
        done = server.end(signal.SIGTERM)

    assert done.code == -signal.SIGTERM, done.err
    assert Counter(done.bodies()) == {"request": 10 * REQUESTS, "up": 1, "down": 1}


@pytest.mark.parametrize(
    ("command", "ups"),
    [
        ([sys.executable, *UVICORN, "--workers", "2"], 2),
        (gunicorn("-k", "uvicorn_worker.UvicornWorker"), 2),
        (gunicorn("-k", "uvicorn_worker.UvicornWorker", "--preload"), 2),
    ],
    ids=["workers", "gunicorn", "gunicorn-preload"],
)
def test_workers_of_uvicorn_with_the_end_in_the_lifespan(
    programs: Programs, tmp_path: Path, command: list[str], ups: int
) -> None:
    """Workers that end by a signal nobody hears deliver everything at the end of the lifespan."""
    with running(programs, tmp_path, ASGI, command, END="1") as server:
        server.ask()
        # The last worker may have come up later than the answers.
        time.sleep(1)
        done = server.end(signal.SIGTERM)

    assert done.code == 0, done.err
    assert Counter(done.bodies()) == {"request": 10 * REQUESTS, "up": ups, "down": ups}


def test_workers_of_uvicorn_without_it_lose_their_last_words_at_most(programs: Programs, tmp_path: Path) -> None:
    """A request that was under way when the signal came has delivered its records; those of the end may be lost."""
    with running(programs, tmp_path, ASGI, [sys.executable, *UVICORN, "--workers", "2"]) as server:
        server.ask()
        late = threading.Thread(target=server.get, args=("/slow",))
        late.start()
        time.sleep(0.4)
        done = server.end(signal.SIGTERM)
        late.join()

    assert done.code == 0, done.err

    bodies = Counter(done.bodies())

    assert bodies["request"] == 10 * (REQUESTS + 1)
    assert bodies["down"] <= 2


def uwsgi(*options: str) -> list[str]:
    assert UWSGI is not None
    serving = ["--http-socket", "127.0.0.1:PORT", "--module", "app", "--need-app"]
    return [UWSGI, *serving, "-H", sys.prefix, "-p", "2", *options]


@pytest.mark.skipif(UWSGI is None, reason="uWSGI is not installed: it needs a compiler")
@pytest.mark.parametrize(
    "options",
    [
        ("--lazy-apps",),
        ("--lazy-apps", "--enable-threads", "--max-requests", "4"),
        ("--enable-threads", "--py-call-uwsgi-fork-hooks"),
    ],
    ids=["lazy", "lazy-threads-recycled", "preforked"],
)
def test_uwsgi(programs: Programs, tmp_path: Path, options: tuple[str, ...]) -> None:
    """Idle workers deliver at a reload and at the end, also without threads, where nothing is exported meanwhile."""
    with running(programs, tmp_path, WSGI, uwsgi("--master", "--die-on-term", *options)) as server:
        server.ask()
        # uWSGI skips the end of a worker that is still busy.
        time.sleep(0.5)
        server.process.send_signal(signal.SIGHUP)
        time.sleep(2)
        server.ask()
        time.sleep(0.5)
        done = server.end(signal.SIGTERM)

    assert Counter(done.bodies()) == {"request": 20 * REQUESTS}, done.err


CELERY = (
    START.replace("telemetry = ", "telemetry = 'WORKER' in os.environ and ")
    + """
from celery import Celery
from celery.signals import worker_process_shutdown

box = os.environ["BOX"]
app = Celery("app", broker="filesystem://")
app.conf.broker_transport_options = {"data_folder_in": box, "data_folder_out": box, "control_folder": box + "/control"}

@app.task
def work():
    for _ in range(10):
        log.info("task")

@worker_process_shutdown.connect
def end(**_):
    telemetry.shutdown()
"""
)


@pytest.mark.parametrize(
    ("options", "number"),
    [(("--max-tasks-per-child", "2"), signal.SIGTERM), ((), signal.SIGQUIT), (("-P", "threads"), signal.SIGTERM)],
    ids=["recycled", "cold", "threads"],
)
def test_celery(programs: Programs, tmp_path: Path, options: tuple[str, ...], number: int) -> None:
    """Pool workers, which end by `os._exit`, deliver by three lines at Celery's signal; a pool of threads as it is."""
    pytest.importorskip("celery")
    (tmp_path / "app.py").write_text(CELERY, encoding="utf-8")
    box = tmp_path / "box"
    (box / "control").mkdir(parents=True)
    sending = [sys.executable, "-c", f"import app\nfor _ in range({REQUESTS}): app.work.delay()"]
    sent = programs.finish(programs.spawn(sending, cwd=tmp_path, BOX=str(box)))

    assert sent.code == 0, sent.err

    process = programs.spawn(
        [sys.executable, "-m", "celery", "-A", "app", "worker", "-c", "2", "-l", "INFO", *options],
        cwd=tmp_path,
        BOX=str(box),
        WORKER="1",
    )
    try:
        _until_done(process)
        process.send_signal(number)
        done = programs.finish(process)
    finally:
        if process.poll() is None:
            process.kill()

    assert Counter(done.bodies()) == {"task": 10 * REQUESTS}, done.err


def _until_done(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    succeeded = 0
    for line in process.stderr:
        succeeded += "succeeded" in line
        if succeeded == REQUESTS:
            return
    raise AssertionError("the worker ended by itself")

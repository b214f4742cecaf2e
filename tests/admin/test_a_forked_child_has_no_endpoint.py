"""Forks: the server stays the parent's, the child neither answers nor disturbs; an application serves in workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

from otel_ctxlog import admin

from .asking import TOKEN, Client, Service

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks on this system")

CHILD = """
import json, os, socket, sys, threading
import otel_ctxlog as cl
from otel_ctxlog import admin
from opentelemetry.sdk._logs import LoggerProvider

context = cl.LoggingContext(LoggerProvider(shutdown_on_exit=False))
log = context.unbound_logger(cl.Realm("a"))
server = admin.serve(context)
client = socket.create_connection(("127.0.0.1", server.port), timeout=5)
client.sendall(b"GET /api/records/stream HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
assert b"200 OK" in client.recv(4096)
reading, writing = os.pipe()
child = os.fork()
if child == 0:
    folder = "/proc/self/fd"
    links = [f"{folder}/{one}" for one in os.listdir(folder)] if os.path.isdir(folder) else []
    own = [os.readlink(link) for link in links if os.path.islink(link)]
    log.info("in the child")
    server.close()
    with admin.serve(context) as again:
        with socket.create_connection(("127.0.0.1", again.port), timeout=5) as asking:
            asking.sendall(b"GET /api/health HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
            answer = asking.recv(100).decode()
    found = {
        "running": server.running,
        "kept": server._endpoint._tap.last,
        "answer": answer.split()[1],
        "threads": threading.active_count(),
        "sockets": sum("socket:" in one for one in own),
    }
    os.write(writing, json.dumps(found).encode())
    os._exit(0)
found = json.loads(os.read(reading, 10_000))
os.waitpid(child, 0)
log.info("in the parent")
while b"in the parent" not in client.recv(65536):
    pass
client.close()
server.close()
print(json.dumps(found))
"""


def test_the_server_stays_with_the_parent() -> None:
    """The child has none of its sockets, may make an endpoint of its own, and the parent's readers notice nothing."""
    import json

    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore:This process:DeprecationWarning", "-c", CHILD],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    # One socket is the client's, which this program made itself.
    assert found == {"running": False, "kept": 0, "answer": "200", "threads": 1, "sockets": found["sockets"]}
    assert found["sockets"] <= 1


def test_the_end_of_the_program_is_not_held_up() -> None:
    """A server that nobody closes, with a reader, does not keep a process."""
    code = (
        "import otel_ctxlog as cl, socket\n"
        "from otel_ctxlog import admin\n"
        "s = admin.serve(cl.LoggingContext())\n"
        "c = socket.create_connection(('127.0.0.1', s.port))\n"
        "c.sendall(b'GET /api/records/stream HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n')\n"
        "c.recv(10)\n"
    )
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=30, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - start < 20


def test_importing_it_starts_nothing() -> None:
    """Off by default: neither a thread nor a socket, and `setup` alone does not even load it."""
    code = (
        "import sys, threading, otel_ctxlog as cl\n"
        "t = cl.setup(exporter='none', set_global=False); t.shutdown()\n"
        "print('otel_ctxlog.admin' in sys.modules)\n"
        "import otel_ctxlog.admin\n"
        "print(threading.active_count(), 'otel_ctxlog.admin.tapping' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)

    assert done.stdout.split() == ["False", "1", "True"]


APP = f"""
import otel_ctxlog as cl
from otel_ctxlog import admin
from opentelemetry.sdk._logs import LoggerProvider

context = cl.LoggingContext(LoggerProvider(shutdown_on_exit=False))
log = context.unbound_logger(cl.Realm("shop"))
inner = admin.wsgi_app(context, token={TOKEN!r})


def app(environ, start_response):
    log.info("served", path=environ["PATH_INFO"])
    return inner(environ, start_response)
"""


@pytest.mark.slow
@pytest.mark.parametrize("preload", [False, True], ids=["loaded in the worker", "loaded in the master"])
def test_it_serves_in_gunicorn_workers(tmp_path: Path, preload: bool) -> None:
    """Changes, counts and records are those of the worker, also where the master made the application."""
    (tmp_path / "service.py").write_text(APP, encoding="utf-8")
    command = [sys.executable, "-m", "gunicorn", "service:app", "-b", "127.0.0.1:0", "-w", "1", "--threads", "2"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    output = tmp_path / "output"
    with output.open("wb") as log:
        process = subprocess.Popen(
            [*command, *(["--preload"] if preload else [])], cwd=tmp_path, env=environment, stderr=log, stdout=log
        )
    try:
        client = Client(_listening(output))
        rule = client.add("shop/**=debug")
        client("PUT", "/api/default-level", {"level": "warn"})
        records = client.get("/api/records")["records"]
        stream = client("GET", "/api/records/stream?after=0")

        assert client.get("/api/rules")["rules"][0]["id"] == rule["id"]
        assert [one["body"] for one in records if one["scope"] == "shop"][:2] == ["served", "served"]
        assert (stream.status, stream.body[:11]) == (200, b"retry: 1000")
        assert client("DELETE", f"/api/rules/{rule['id']}").status == 200
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    assert "Traceback" not in output.read_text(encoding="utf-8")


def _listening(output: Path) -> str:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for line in output.read_text(encoding="utf-8").splitlines():
            if "Listening at: " in line:
                url = line.partition("Listening at: ")[2].split()[0]
                try:
                    urllib.request.urlopen(f"{url}/api/health", timeout=5).close()
                except urllib.error.HTTPError:
                    pass
                return url
        time.sleep(0.05)
    raise AssertionError(output.read_text(encoding="utf-8"))


def test_a_child_leaves_the_parents_port_alone(service: Service) -> None:
    """After the parent has closed, its port is free, although a child lives on."""
    server = admin.serve(service.context)
    client = Client(server.url, token=None)
    reading, writing = os.pipe()
    begun, begins = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        os.write(begins, b"x")
        os.read(reading, 1)
        os._exit(0)
    try:
        assert os.read(begun, 1) == b"x"
        assert client("GET", "/api/health").status == 200
        server.close()
        with admin.serve(service.context, port=server.port) as again:
            assert Client(again.url, token=None)("GET", "/api/health").status == 200
    finally:
        os.close(writing)
        os.waitpid(child, 0)
        for own in (reading, begun, begins):
            os.close(own)

"""What is queued is exported before a signal ends the process; everything else about signals stays as it was."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import otel_ctxlog as cl

from .programs import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .programs import Programs

TERM = "os.kill(os.getpid(), signal.SIGTERM)\n"


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    """The handlers of this process are what they were after each test."""
    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    after = {number: signal.getsignal(number) for number in numbers}
    for number, handler in before.items():
        signal.signal(number, handler)
    assert after == before


def memory(**arguments: Any) -> cl.Telemetry:
    return cl.setup(exporter="memory", set_global=False, **arguments)


def test_a_signal_from_outside_ends_an_idle_program(programs: Programs) -> None:
    """A supervisor's SIGTERM to a program that sleeps: all arrive, and it died by that signal."""
    process = programs.start("setup()\nqueue()\nprint('ready', flush=True)\ntime.sleep(60)\n")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.terminate()
    done = programs.finish(process)

    assert (done.code, done.count, done.err) == (-signal.SIGTERM, 100, "")
    assert done.seconds < 4


@pytest.mark.parametrize("end", ["", "sys.exit()"], ids=["returns", "exits"])
def test_a_program_whose_main_thread_is_over_ends_as_well(programs: Programs, end: str) -> None:
    """The interpreter waits for a thread that is no daemon, and may start none itself: SIGTERM ends it all the same."""
    process = programs.start(
        "setup()\nqueue()\n"
        "threading.Thread(target=lambda: (time.sleep(0.3), print('ready', flush=True), time.sleep(40))).start()\n" + end
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.terminate()
    done = programs.finish(process)

    assert (done.code, done.count, done.err) == (-signal.SIGTERM, 100, "")
    assert done.seconds < 4


def test_what_other_threads_log_meanwhile_breaks_nothing(programs: Programs) -> None:
    """Threads go on logging while the signal is handled: it ends in time, with what was queued before."""
    done = programs.run(
        "setup()\nqueue()\n"
        "def busy():\n"
        "    while True: cl.log(cl.Realm('noise')).info('noise')\n"
        "for _ in range(3): threading.Thread(target=busy, daemon=True).start()\n" + TERM + "time.sleep(30)\n",
        OTEL_BLRP_MAX_QUEUE_SIZE="200000",
    )

    assert done.code == -signal.SIGTERM, done.err
    assert done.bodies().count("queued") == 100
    assert done.seconds < 15


def test_a_python_handler_before_ours_is_called_as_it_would_be(programs: Programs) -> None:
    """It gets the signal and the frame; the program goes on if it returns."""
    done = programs.run(
        "def handler(number, frame):\n    print('called', number, frame.f_code.co_name, flush=True)\n"
        "signal.signal(signal.SIGTERM, handler)\n"
        "setup()\nqueue()\n" + TERM + "print('goes on')\nqueue()\n"
    )

    assert (done.code, done.out.splitlines()) == (0, ["called 15 <module>", "goes on"])
    assert done.count == 200


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("sys.exit(7)", 7),
        ("os._exit(8)", 8),
        ("(signal.signal(number, signal.SIG_DFL), os.kill(os.getpid(), number))", -signal.SIGTERM),
    ],
)
def test_a_python_handler_before_ours_may_end_the_process_in_any_way(programs: Programs, end: str, code: int) -> None:
    """It exits, ends hard, or dies by the signal after all: what was queued before the signal arrives."""
    done = programs.run(
        f"signal.signal(signal.SIGTERM, lambda number, frame: {end})\nsetup()\nqueue()\n" + TERM + "time.sleep(30)\n"
    )

    assert (done.code, done.count) == (code, 100), done.err


def test_after_such_a_handler_what_is_queued_leaves_at_once(programs: Programs) -> None:
    """A server that winds up after SIGTERM and then ends hard loses what it logged in the last moment at most."""
    done = programs.run(
        "signal.signal(signal.SIGTERM, lambda number, frame: None)\nsetup()\n"
        + TERM
        + "queue()\ntime.sleep(0.5)\nos._exit(0)\n"
    )

    assert done.count == 100


def test_a_handler_after_ours_that_calls_what_it_replaced_keeps_everything(programs: Programs) -> None:
    """A server that restores what it found and raises the signal again, as uvicorn does, loses nothing."""
    done = programs.run(
        "setup()\ncaught = []\n"
        "found = signal.signal(signal.SIGTERM, lambda number, frame: caught.append(number))\n"
        + TERM
        + "assert caught\nqueue()\nsignal.signal(signal.SIGTERM, found)\n"
        "signal.raise_signal(caught[0])\ntime.sleep(30)\n"
    )

    assert (done.code, done.count) == (-signal.SIGTERM, 100), done.err


def test_an_ignored_signal_stays_ignored(programs: Programs) -> None:
    """`nohup`'s SIGHUP, and whatever else is ignored, neither ends the program nor exports anything."""
    done = programs.run(
        "for name in ('SIGTERM', 'SIGHUP', 'SIGINT'): signal.signal(getattr(signal, name), signal.SIG_IGN)\n"
        "setup()\n"
        "for name in ('SIGTERM', 'SIGHUP', 'SIGINT'):\n"
        "    assert signal.getsignal(getattr(signal, name)) is signal.SIG_IGN\n"
        "    os.kill(os.getpid(), getattr(signal, name))\n"
        "queue()\nos._exit(3)\n"
    )

    assert (done.code, done.count) == (3, 0), done.err


def test_ctrl_c_stays_a_keyboard_interrupt(programs: Programs) -> None:
    """Code that catches KeyboardInterrupt still does, and the program goes on."""
    done = programs.run(
        "setup()\nassert signal.getsignal(signal.SIGINT) is signal.default_int_handler\n"
        "try:\n    os.kill(os.getpid(), signal.SIGINT)\n    time.sleep(30)\n"
        "except KeyboardInterrupt:\n    queue()\n    print('caught')\n"
    )

    assert (done.code, done.out, done.count) == (0, "caught\n", 100), done.err


def test_ctrl_c_with_its_default_action_exports_first(programs: Programs) -> None:
    """A program that has given SIGINT its default action dies by it, and loses nothing."""
    done = programs.run(
        "signal.signal(signal.SIGINT, signal.SIG_DFL)\nsetup()\nqueue()\n"
        "os.kill(os.getpid(), signal.SIGINT)\ntime.sleep(30)\n"
    )

    assert (done.code, done.count) == (-signal.SIGINT, 100), done.err


@pytest.mark.parametrize("second", ["SIGTERM", "SIGHUP"])
def test_a_second_signal_ends_it_at_once(programs: Programs, hanging: str, second: str) -> None:
    """While a collector that hangs is waited for, one more signal is enough."""
    process = programs.start(
        "setup(handle_signals=60)\nqueue()\nprint('ready', flush=True)\ntime.sleep(60)\n",
        OTEL_EXPORTER_OTLP_ENDPOINT=hanging,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    # Its default action is there again as soon as the first one is being handled.
    assert eventually(lambda: not _catches(process.pid, signal.SIGTERM))
    process.send_signal(getattr(signal, second))
    done = programs.finish(process)

    assert done.code == -getattr(signal, second)
    assert done.seconds < 20


def _catches(pid: int, number: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) & (1 << (number - 1)))


@pytest.mark.parametrize("seconds", [0, 1])
def test_the_deadline_holds_with_a_collector_that_hangs(programs: Programs, hanging: str, seconds: float) -> None:
    """The process dies by the signal, after `handle_signals` seconds."""
    process = programs.start(
        f"setup(handle_signals={seconds})\nqueue()\nprint('ready', flush=True)\ntime.sleep(60)\n",
        OTEL_EXPORTER_OTLP_ENDPOINT=hanging,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.terminate()
    done = programs.finish(process)

    assert done.code == -signal.SIGTERM
    assert seconds - 0.2 <= done.seconds < 4.8


def test_without_a_collector_it_dies_about_as_soon_as_ever(programs: Programs) -> None:
    """Nobody listens: a second is waited, and the process dies by the signal."""
    done = programs.run(
        "setup(handle_signals=30)\nqueue()\n" + TERM + "time.sleep(60)\n",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9",
    )

    assert done.code == -signal.SIGTERM
    assert done.seconds < 12


@pytest.mark.slow
def test_several_pipelines_share_one_deadline(programs: Programs, hanging: str) -> None:
    """One that hangs keeps another neither from its records nor the process from its end."""
    done = programs.run(
        "first = setup(exporter='otlp', endpoint=sys.argv[1], set_global=False, handle_signals=2)\n"
        "first.logging.logger().info('lost')\n"
        "setup(exporter='otlp', handle_signals=2)\nqueue()\n" + TERM + "time.sleep(30)\n",
        hanging,
    )

    assert (done.code, done.bodies().count("queued")) == (-signal.SIGTERM, 100), done.err
    assert done.seconds < 5


def test_false_leaves_signals_alone(programs: Programs) -> None:
    """With `handle_signals=False` SIGTERM is what it was, and takes the queue with it."""
    done = programs.run(
        "setup(handle_signals=False)\nassert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL\nqueue()\n" + TERM
    )

    assert (done.code, done.count) == (-signal.SIGTERM, 0), done.err


def test_a_thread_other_than_the_main_one_installs_nothing(programs: Programs) -> None:
    """`setup` in a thread raises nothing and leaves the handlers alone; Python allows no more."""
    done = programs.run(
        "thread = threading.Thread(target=setup)\nthread.start()\nthread.join()\n"
        "assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL\nqueue()\n"
    )

    assert (done.code, done.count) == (0, 100), done.err


def test_a_program_of_its_own_starts_with_default_actions(programs: Programs) -> None:
    """What is started by `subprocess` knows nothing of our handlers."""
    done = programs.run(
        "import subprocess\nsetup()\n"
        "ask = 'import signal; print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)'\n"
        "print(subprocess.run([sys.executable, '-c', ask], capture_output=True, text=True).stdout)\n"
    )

    assert done.out.strip() == "True"


def test_importing_the_library_touches_no_signal(programs: Programs) -> None:
    """Only a call of `setup` installs handlers."""
    done = programs.run(
        "import otel_ctxlog.pipeline\n"
        "print([signal.getsignal(getattr(signal, name)) is signal.SIG_DFL for name in ('SIGTERM', 'SIGHUP')])\n"
    )

    assert done.out == "[True, True]\n"


def test_shutdown_gives_back_what_it_found() -> None:
    """Default actions and handlers are again what they were before `setup`, after the last of several."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    one, two = memory(), memory()
    ours = signal.getsignal(signal.SIGTERM)
    one.shutdown()

    assert signal.getsignal(signal.SIGTERM) is ours
    assert ours is not signal.SIG_DFL

    two.shutdown()

    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL

    def handler(number: int, frame: object) -> None:
        pass

    signal.signal(signal.SIGTERM, handler)
    memory().shutdown()

    assert signal.getsignal(signal.SIGTERM) is handler

    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def test_shutdown_leaves_a_handler_that_somebody_installed_since() -> None:
    """What is not ours any more is not taken back."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    telemetry = memory()

    def theirs(number: int, frame: object) -> None:
        pass

    signal.signal(signal.SIGTERM, theirs)
    telemetry.shutdown()

    assert signal.getsignal(signal.SIGTERM) is theirs

    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def test_a_pipeline_that_was_dropped_without_shutdown_gives_nothing_back_and_keeps_nothing_alive() -> None:
    """Handlers hold pipelines weakly: one of somebody else's providers goes away with its last reference."""
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk.trace import TracerProvider

    provider, tracers = LoggerProvider(shutdown_on_exit=False), TracerProvider(shutdown_on_exit=False)
    telemetry = cl.setup(logger_provider=provider, tracer_provider=tracers, set_global=False)
    import gc
    import weakref

    there = weakref.ref(telemetry)
    del telemetry
    gc.collect()

    assert there() is None

    memory().shutdown()


def test_after_a_shutdown_in_another_thread_a_signal_still_ends_the_process(programs: Programs) -> None:
    """There, the handler cannot be taken back; it does what the default action does."""
    done = programs.run(
        "telemetry = setup()\nthread = threading.Thread(target=telemetry.shutdown)\nthread.start()\nthread.join()\n"
        + TERM
        + "time.sleep(30)\n"
    )

    assert done.code == -signal.SIGTERM


def test_a_provider_of_somebody_else_is_flushed_too(programs: Programs) -> None:
    """Records that `setup` sends through a provider it was given arrive as well."""
    done = programs.run(
        "from opentelemetry.sdk._logs import LoggerProvider\n"
        "from opentelemetry.sdk._logs.export import BatchLogRecordProcessor\n"
        "from opentelemetry.sdk.resources import Resource\n"
        "from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter\n"
        "provider = LoggerProvider(Resource.create({'service.name': os.environ['RUN']}))\n"
        "provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))\n"
        "telemetry = setup.__globals__['cl'].setup(logger_provider=provider, traces_exporter='none')\n"
        "queue()\n" + TERM + "time.sleep(30)\n"
    )

    assert (done.code, done.count) == (-signal.SIGTERM, 100), done.err


@pytest.mark.parametrize("wrong", ["5", None, [5], -1, float("nan"), float("inf")])
def test_what_is_no_answer_to_the_question_is_refused(wrong: Any) -> None:
    """The error says what was found, and what is allowed; nothing is installed."""
    with pytest.raises((TypeError, ValueError), match=r"argument 'handle_signals' is .*, allowed: True, False, or"):
        memory(handle_signals=wrong)


@pytest.mark.slow
def test_the_first_process_of_a_container_goes_on_as_it_would(programs: Programs) -> None:
    """The kernel ignores default actions for process 1: what is queued is exported, and logging goes on."""
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "--pid", "--fork", "true"], check=False).returncode:
        pytest.skip("process namespaces are not allowed here")
    process = programs.start(
        "import subprocess\n"
        f"if os.getpid() != 1: os.execv({unshare!r}, ['unshare', '--pid', '--fork', sys.executable, __file__])\n"
        "setup()\nqueue()\n"
        + TERM
        + "time.sleep(1)\nqueue()\n"
        + TERM
        + "time.sleep(1)\nprint('goes on', flush=True)\nos._exit(4)\n"
    )
    done = programs.finish(process)

    assert (done.code, done.out, done.count) == (4, "goes on\n", 200), done.err

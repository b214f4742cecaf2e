from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import otel_ctxlog as cl
from otel_ctxlog import config
from otel_ctxlog.config import watching
from otel_ctxlog.loggers.named_eventers import eventer

if TYPE_CHECKING:
    from collections.abc import Callable

QUICK = 0.02


def _text(*tags: str, level: str = "Info") -> str:
    rules = "".join(f"  - rule: {{level: Debug, conditions: [{{tag: {tag}}}]}}\n" for tag in tags)
    return f"defaultLevel: {level}\nrules:\n{rules or '    []'}\n"


def _tags(ctx: cl.LoggingContext) -> list[str]:
    """The tags of the rules, in the order of adding."""
    conditions = [rule.conditions[0] for rule in reversed(ctx.rules) if isinstance(rule, cl.ConditionRule)]
    return [condition.name for condition in conditions if isinstance(condition, cl.Tag)]


def _until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(_text("a"))
    return path


@pytest.fixture
def ctx() -> cl.LoggingContext:
    return cl.LoggingContext()


def _diagnostics(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "otel_ctxlog"]


def _actions(ctx: cl.LoggingContext) -> list[str]:
    return [entry.action for entry in ctx.audit_trail()]


# How files change


def test_a_file_written_in_place_is_followed(ctx: cl.LoggingContext, file: Path) -> None:
    """The thread finds a change by itself."""
    with config.watch(ctx, file, interval=QUICK):
        assert _tags(ctx) == ["a"]

        file.write_text(_text("b", "c", level="Warn"))

        _until(lambda: _tags(ctx) == ["b", "c"])
        assert ctx.default_level == cl.WARN


def test_a_file_renamed_into_place_is_followed(ctx: cl.LoggingContext, file: Path) -> None:
    """Editors write another file and rename it: what counts is the name."""
    with config.watch(ctx, file, interval=QUICK):
        for tag in ("b", "c"):
            other = file.with_suffix(".new")
            other.write_text(_text(tag))
            other.replace(file)

            _until(lambda tag=tag: _tags(ctx) == [tag])  # type: ignore[misc]


def test_a_swap_of_symbolic_links_as_kubernetes_does_is_followed(ctx: cl.LoggingContext, tmp_path: Path) -> None:
    """A mounted ConfigMap: rules.yaml → ..data/rules.yaml, and ..data is swapped to a folder of the new version."""
    for number, tag in enumerate("ab"):
        version = tmp_path / f"..2026_{number}"
        version.mkdir()
        (version / "rules.yaml").write_text(_text(tag))
    (tmp_path / "..data").symlink_to("..2026_0")
    file = tmp_path / "rules.yaml"
    file.symlink_to("..data/rules.yaml")
    with config.watch(ctx, file, interval=QUICK) as watcher:
        assert _tags(ctx) == ["a"]

        (tmp_path / "..data_tmp").symlink_to("..2026_1")
        (tmp_path / "..data_tmp").replace(tmp_path / "..data")
        (tmp_path / "..2026_0" / "rules.yaml").unlink()

        _until(lambda: _tags(ctx) == ["b"] and bool(ctx.audit_trail()))
        assert watcher.last_error is None
        assert _actions(ctx) == ["configurationReloaded"]


def test_a_change_that_no_time_and_no_size_shows_is_followed(ctx: cl.LoggingContext, file: Path) -> None:
    """Contents are compared: a coarse or a set clock hides nothing."""
    before = file.stat()
    with config.watch(ctx, file, interval=3600) as watcher:
        file.write_text(_text("b"))
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

        assert (file.stat().st_mtime_ns, file.stat().st_size) == (before.st_mtime_ns, before.st_size)
        assert watcher.check() is True
        assert _tags(ctx) == ["b"]
        assert watcher.check() is False


def test_a_relative_name_means_the_folder_of_the_start(
    ctx: cl.LoggingContext, file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A process that goes to another folder goes on watching the same file, under the name that it was given."""
    monkeypatch.chdir(file.parent)
    with config.watch(ctx, "rules.yaml", interval=3600) as watcher:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        file.write_text(_text("b"))

        assert watcher.check()
        assert str(ctx.statistics().rules[0].origin) == "file rules.yaml:3"


# What cannot be used


def test_a_bad_file_keeps_the_last_good_one_and_says_why_once(
    ctx: cl.LoggingContext, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One diagnostic and one audit record for each change, one more when the file can be used again."""
    caplog.set_level(logging.DEBUG)
    with config.watch(ctx, file, interval=QUICK) as watcher:
        generation = ctx.generation
        file.write_text("rules:\n  - rule: {level: Debgu}\n")
        _until(lambda: bool(_diagnostics(caplog)))
        time.sleep(5 * QUICK)
        error = watcher.last_error
        assert error is not None
        assert (error.file, error.line) == (str(file), 2)
        assert "did you mean 'Debug'?" in str(error)
        assert (_tags(ctx), ctx.generation) == (["a"], generation)
        assert _diagnostics(caplog) == [
            f"the configuration {file} has changed and cannot be used, what held before holds on: {error}"
        ]

        file.write_text("rules: [\n")
        _until(lambda: len(_diagnostics(caplog)) == 2)
        file.write_text(_text("b"))
        _until(lambda: len(_diagnostics(caplog)) == 3 and len(ctx.audit_trail()) == 3)

        assert (_tags(ctx), watcher.last_error) == (["b"], None)
        assert _diagnostics(caplog)[2] == f"the configuration {file} can be used again: 1 rule, default level Info"
        assert _actions(ctx) == ["configurationRefused", "configurationRefused", "configurationReloaded"]
        assert [entry.detail for entry in ctx.audit_trail()][::2] == [str(error), "1 rule, default level Info"]
        assert str(ctx.audit_trail()[0].origin) == f"file {file}"


def test_the_last_good_content_again_is_no_change(
    ctx: cl.LoggingContext, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever takes a mistake back changes nothing: no swap, no audit record, but the news that all is well."""
    caplog.set_level(logging.DEBUG)
    good = file.read_text()
    with config.watch(ctx, file, interval=3600) as watcher:
        file.write_text("rules: 5\n")
        assert watcher.check() is False
        generation = ctx.generation
        file.write_text(good)

        assert watcher.check() is False
        assert (watcher.last_error, ctx.generation) == (None, generation)
        assert "can be used again" in _diagnostics(caplog)[-1]
        assert _actions(ctx) == ["configurationRefused"]


@pytest.mark.parametrize("how", ["gone", "empty", "folder", "pipe", "secret", "text", "large"])
def test_a_file_that_is_none_keeps_the_last_good_one(ctx: cl.LoggingContext, file: Path, how: str) -> None:
    """Gone, emptied, a folder, a pipe that nobody writes to, not text, too large: said, and survived."""
    expected = {
        "gone": "the file cannot be read: No such file",
        "empty": "the file is empty",
        "folder": "the file cannot be read: Is a directory",
        "pipe": "the file cannot be read: it is no regular file",
        "secret": "the file cannot be read",
        "text": "not valid UTF-8",
        "large": "too large",
    }[how]
    with config.watch(ctx, file, interval=3600) as watcher:
        file.unlink()
        if how == "empty":
            file.write_text(" \n")
        elif how == "folder":
            file.mkdir()
        elif how == "pipe":
            os.mkfifo(file)
        elif how == "secret":
            # Also root cannot follow it.
            file.symlink_to(file)
        elif how == "text":
            file.write_bytes(b"\xff\xfa")
        elif how == "large":
            file.write_bytes(b"#" * 3_000_000)

        assert watcher.check() is False
        assert expected in str(watcher.last_error)
        assert _tags(ctx) == ["a"]


def test_a_file_written_bit_by_bit_is_taken_when_it_is_ready(
    ctx: cl.LoggingContext, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a file may be a whole configuration: no such half ever holds."""
    # On a busy machine the writer may stand still for as long as two looks are apart.
    monkeypatch.setattr(watching, "_SETTLED_AFTER", 0.5)
    whole = _text(*(f"t{number:03}" for number in range(300)))
    seen: list[int] = []
    with config.watch(ctx, file, interval=QUICK):
        with file.open("w") as writing:
            for begin in range(0, len(whole), 600):
                writing.write(whole[begin : begin + 600])
                writing.flush()
                seen.append(len(_tags(ctx)))
                time.sleep(QUICK)
        _until(lambda: len(_tags(ctx)) == 300)

    assert set(seen) == {1}


def test_a_first_file_that_is_bad_is_an_error(ctx: cl.LoggingContext, file: Path) -> None:
    """All or nothing at the start: no thread, no change, no rule."""
    file.write_text("rules:\n  - rule: {level: Debgu}\n")
    before = ctx.generation
    with pytest.raises(config.ConfigError, match="Debgu"):
        config.watch(ctx, file)
    with pytest.raises(config.ConfigError, match="No such file"):
        config.watch(ctx, file.with_name("none.yaml"))

    assert ctx.generation == before


def test_a_first_file_that_may_be_bad_is_taken_when_it_is_good(
    ctx: cl.LoggingContext, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Without `strict` a service starts without its file, and obeys it as soon as it is there."""
    file = tmp_path / "later.yaml"
    with config.watch(ctx, file, interval=QUICK, strict=False) as watcher:
        assert "No such file" in str(watcher.last_error)
        assert "is taken as soon as it can" in _diagnostics(caplog)[0]

        file.write_text(_text("b"))

        _until(lambda: _tags(ctx) == ["b"])
        assert watcher.last_error is None


def test_an_empty_first_file_has_no_rules(ctx: cl.LoggingContext, tmp_path: Path) -> None:
    """Where nothing holds yet there is nothing to protect; later, only comments mean no rules as well."""
    file = tmp_path / "rules.yaml"
    file.write_text("")
    with config.watch(ctx, file, interval=3600) as watcher:
        assert watcher.last_error is None
        file.write_text(_text("a"))
        assert watcher.check()
        file.write_text("# all gone\n")
        assert watcher.check()
        assert ctx.rules == ()


def test_wrong_arguments_are_errors(ctx: cl.LoggingContext, file: Path) -> None:
    """An interval has to be one, and a signal handler needs the main thread; nothing is changed."""
    before = ctx.generation
    with pytest.raises(ValueError, match="duration"):
        config.watch(ctx, file, interval=0)
    found: list[Exception] = []

    def elsewhere() -> None:
        try:
            config.watch(ctx, file, sighup=True)
        except ValueError as error:
            found.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()

    assert "sighup=True needs the main thread" in str(found[0])
    assert ctx.generation == before


def test_a_file_that_never_rests_is_said_once(
    ctx: cl.LoggingContext, file: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is another file at each look cannot be told from one that is being written; when it rests it is taken."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(watching, "_MOST_LOOKS", 3)
    ended = threading.Event()

    def churn() -> None:
        number = 0
        while not ended.wait(QUICK / 20):
            number += 1
            other = file.with_suffix(".new")
            other.write_text(f"{_text('b')}# {number}\n")
            other.replace(file)

    thread = threading.Thread(target=churn)
    with config.watch(ctx, file, interval=QUICK) as watcher:
        thread.start()
        try:
            _until(lambda: watcher.last_error is not None)
            assert "never comes to rest" in str(watcher.last_error)
        finally:
            ended.set()
            thread.join()
        _until(lambda: _tags(ctx) == ["b"] and watcher.last_error is None)

    assert sum("never comes to rest" in said for said in _diagnostics(caplog)) == 1


def test_what_was_missing_beside_the_file_can_be_mended(
    ctx: cl.LoggingContext, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A type that is registered later: the next wish to look takes the file, and repeats no diagnostic before."""
    registry = config.Registry()
    file.write_text("rules: [{rule: {level: Debug, conditions: [{com.acme.own: z}]}}]\n")
    with config.watch(ctx, file, interval=3600, registry=registry, strict=False) as watcher:
        assert watcher.check() is False
        assert watcher.check() is False
        registry.register_condition_type("com.acme.own", lambda spec, _registry: cl.Tag(str(spec)))

        assert watcher.check() is True
        assert _tags(ctx) == ["z"]
    assert [said.split(": ")[0].rpartition(" ")[2] for said in _diagnostics(caplog)] == ["can", "again"]


# What is kept


def test_only_what_came_from_the_file_is_replaced(ctx: cl.LoggingContext, file: Path) -> None:
    """Rules added by code before and after stay where they were, and the default level of before is back."""
    ctx.default_level = cl.ERROR
    ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.Tag("before")))
    with config.watch(ctx, file, interval=3600) as watcher:
        ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.Tag("after")))
        file.write_text(_text("b", "c"))
        assert watcher.check()
        assert _tags(ctx) == ["before", "b", "c", "after"]

        file.write_text("rules: []\n")
        assert watcher.check()
        assert _tags(ctx) == ["before", "after"]
        assert ctx.default_level == cl.ERROR


def test_the_default_level_of_a_file_can_be_left_out(ctx: cl.LoggingContext, file: Path) -> None:
    """Where a variable says the level, the file's rules are followed, and its level is not."""
    ctx.default_level = cl.ERROR
    with config.watch(ctx, file, interval=3600, default_level=False) as watcher:
        file.write_text(_text("b", level="Trace"))
        assert watcher.check()
        assert (_tags(ctx), ctx.default_level) == (["b"], cl.ERROR)


def test_eventers_of_a_file_are_followed(ctx: cl.LoggingContext, file: Path) -> None:
    """Eventers that a file names come and go with it, all or nothing with its rules."""
    handle = eventer("audit", context=ctx)
    with config.watch(ctx, file, interval=3600) as watcher:
        assert str(handle) == "disabled"
        file.write_text("eventers: {audit: {type: otlp}}\n")
        assert watcher.check()
        assert isinstance(handle.eventer, cl.OTelEventer)
        file.write_text("eventers: {audit: {type: oltp}}\nrules: [{rule: {level: Debug}}]\n")
        assert not watcher.check()
        assert isinstance(handle.eventer, cl.OTelEventer)
        assert ctx.rules == ()
        file.write_text("{}\n")
        assert watcher.check()
        assert str(handle) == "disabled"


def test_a_rule_that_stays_goes_on(ctx: cl.LoggingContext, file: Path) -> None:
    """An expiry runs on, counts are kept, and the line is the new one."""
    rule = "  - rule: {level: Debug, conditions: [{tag: x}], expires: 1h}\n"
    file.write_text(f"rules:\n{rule}")
    with config.watch(ctx, file, interval=3600) as watcher:
        before = ctx.statistics().rules[0]
        time.sleep(0.05)
        file.write_text(f"rules:\n  - rule: {{level: Info, conditions: [{{tag: y}}]}}\n{rule}")
        assert watcher.check()

        after = ctx.statistics().rules[0]
        assert (after.id, after.added) == (before.id, before.added)
        assert after.expires_in is not None
        assert after.expires_in < 3599.97
        assert str(after.origin) == f"file {file}:3"
        watcher.close(remove_rules=True)


def test_closing_ends_the_thread_and_leaves_the_rules(ctx: cl.LoggingContext, file: Path) -> None:
    """After close nothing follows the file; what held holds, unless it is asked to go. Closing twice is no error."""
    watcher = config.watch(ctx, file, interval=QUICK)
    watcher.close()
    watcher.close()
    file.write_text(_text("b"))
    time.sleep(3 * QUICK)

    assert watcher.check() is False
    assert _tags(ctx) == ["a"]
    assert not [thread for thread in threading.enumerate() if "watching" in thread.name]
    watcher.close(remove_rules=True)
    assert ctx.rules == ()


def test_no_rule_comes_after_the_last_was_taken_out(ctx: cl.LoggingContext, file: Path) -> None:
    """A look that is under way in another thread when the rules are taken out does not bring them back."""
    registry = config.Registry()
    looking, go_on = threading.Event(), threading.Event()

    def slow(spec: object, _registry: config.Registry) -> cl.Condition:
        looking.set()
        go_on.wait(10)
        return cl.Tag(str(spec))

    registry.register_condition_type("com.acme.slow", slow)
    watcher = config.watch(ctx, file, interval=3600, registry=registry)
    file.write_text("rules: [{rule: {level: Debug, conditions: [{com.acme.slow: z}]}}]\n")
    look = threading.Thread(target=watcher.check)
    look.start()
    assert looking.wait(10)
    threading.Timer(0.1, go_on.set).start()
    watcher.close(remove_rules=True)
    look.join()

    assert ctx.rules == ()


def test_a_watcher_can_be_closed_by_what_it_loads(ctx: cl.LoggingContext, file: Path) -> None:
    """By an own type, in the thread of the watcher: nothing waits for itself, nothing is loaded any more."""
    registry = config.Registry()
    watchers: list[config.Watcher] = []

    def closing(spec: object, _registry: config.Registry) -> cl.Condition:
        watchers[0].close(remove_rules=True)
        return cl.Tag(str(spec))

    registry.register_condition_type("com.acme.closing", closing)
    watchers.append(config.watch(ctx, file, interval=QUICK, registry=registry))
    file.write_text("rules: [{rule: {level: Debug, conditions: [{com.acme.closing: z}]}}]\n")
    _until(lambda: not [thread for thread in threading.enumerate() if "watching" in thread.name])

    assert ctx.rules == ()


# Signals, forks, own types


def test_sighup_is_a_wish_to_look(ctx: cl.LoggingContext, file: Path) -> None:
    """At SIGHUP the thread looks at once; the handler before is called, too, and is back after close."""
    calls: list[int] = []

    def before(number: int, _frame: object) -> None:
        calls.append(number)

    outer = signal.signal(signal.SIGHUP, before)
    try:
        second = file.with_name("second.yaml")
        second.write_text(_text("s"))
        with config.watch(ctx, file, interval=3600, sighup=True), config.watch(ctx, second, interval=3600, sighup=True):
            file.write_text(_text("b"))
            second.write_text(_text("t"))
            os.kill(os.getpid(), signal.SIGHUP)
            _until(lambda: sorted(_tags(ctx)) == ["b", "t"])

        assert calls == [signal.SIGHUP]
        assert signal.getsignal(signal.SIGHUP) is before
    finally:
        signal.signal(signal.SIGHUP, outer)


def test_a_look_within_a_look_of_the_same_thread_is_none(ctx: cl.LoggingContext, file: Path) -> None:
    """A signal handler that looks while its own thread is at it does not wait for itself."""
    registry = config.Registry()
    watchers: list[config.Watcher] = []
    answers: list[bool] = []

    def own(spec: object, _registry: config.Registry) -> cl.Condition:
        # As a signal handler would that comes just now.
        answers.extend(watcher.check() for watcher in watchers)
        return cl.Tag(str(spec))

    registry.register_condition_type("com.acme.own", own)
    with config.watch(ctx, file, interval=3600, registry=registry) as watcher:
        watchers.append(watcher)
        file.write_text("rules: [{rule: {level: Debug, conditions: [{com.acme.own: z}]}}]\n")

        assert watcher.check() is True
        assert answers == [False]
        assert _tags(ctx) == ["z"]


def test_what_own_types_raise_is_survived(ctx: cl.LoggingContext, file: Path) -> None:
    """A factory, or a rule's `supersedes`, that raises is a reason to refuse, not an error of the host."""

    class Bad:
        def match(self, _messages: object, _sink: object) -> None:
            return None

        def supersedes(self, _other: object) -> bool:
            raise LookupError("supersedes")

    def fails(_spec: object, _registry: config.Registry) -> cl.Rule:
        raise LookupError("factory")

    registry = config.Registry()
    registry.register_rule_type("com.acme.fails", fails)
    registry.register_rule_type("com.acme.bad", lambda _spec, _registry: Bad())
    with config.watch(ctx, file, interval=3600, registry=registry) as watcher:
        file.write_text("rules: [{com.acme.fails: {}}]\n")
        assert watcher.check() is False
        assert "LookupError: factory" in str(watcher.last_error)
        assert _tags(ctx) == ["a"]

        file.write_text("rules: [{rule: {level: Info}}, {com.acme.bad: {}}]\n")
        watcher.check()

        assert ctx.explain().level in {cl.INFO, cl.DEBUG}


FORKING = """
import os, sys, time
import otel_ctxlog as cl
from otel_ctxlog import config
from pathlib import Path

file, ctx = Path(sys.argv[1]), cl.LoggingContext()
watcher = config.watch(ctx, file, interval=0.02)
child = os.fork()
if not child:
    Path(sys.argv[2]).write_text("ready")
    end = time.monotonic() + 20
    while ctx.default_level != cl.TRACE and time.monotonic() < end:
        time.sleep(0.01)
    watcher.close()
    os._exit(0 if ctx.default_level == cl.TRACE else 1)
watcher.close()
while not Path(sys.argv[2]).exists():
    time.sleep(0.01)
file.write_text("defaultLevel: Trace\\n")
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status), ctx.default_level)
"""


def test_a_forked_child_follows_the_file_by_itself(file: Path, tmp_path: Path) -> None:
    """The child has a thread of its own, whatever became of its parent's."""
    done = subprocess.run(
        [sys.executable, "-c", FORKING, str(file), str(tmp_path / "ready")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(cl.__file__).parents[1])},
    )

    assert (done.stdout, done.returncode) == ("0 3\n", 0), done.stderr


def test_a_process_ends_with_a_watcher_open(file: Path) -> None:
    """Whoever forgets to close loses nothing: the thread holds up no exit."""
    program = (
        "import sys, otel_ctxlog as cl\nfrom otel_ctxlog import config\n"
        "config.watch(cl.default_context(), sys.argv[1], interval=3600)\nprint(cl.default_context().rules)"
    )
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program, str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(cl.__file__).parents[1])},
    )

    assert (done.stdout, done.stderr) == ("(ConditionRule(4, Tag(name='a')),)\n", "")
    assert time.monotonic() - began < 30

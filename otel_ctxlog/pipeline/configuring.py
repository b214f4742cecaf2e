"""The configuration of a context from arguments and variables: a file that is watched, data, and rules on one line."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from otel_ctxlog.engine.origin import Origin
from otel_ctxlog.errors import ConfigError
from otel_ctxlog.pipeline.environment import CONFIG_VARIABLE, config_path

if TYPE_CHECKING:
    from otel_ctxlog.config import Config
    from otel_ctxlog.loggers.context import LoggingContext

__all__ = ["RULES_VARIABLE", "configure_context"]

RULES_VARIABLE: Final = "OTEL_CTXLOG"
"""The variable with rules on one line; they are asked before those of a file."""


def configure_context(
    context: LoggingContext,
    config: str | bytes | Path | Mapping[str, object] | Config | None,
    *,
    where: str,
    watch: bool,
) -> Callable[[], None]:
    """Configure a context, and return what ends what goes on: the watching of a file.

    Args:
        context: the context.
        config: a ``Path``, or what `otel_ctxlog.config.configure` takes; None: the file that ``OTEL_CTXLOG_CONFIG``
            names.
        where: what gave the name of the file, for errors.
        watch: whether changes of a file count from now on.

    Raises:
        ConfigError: a configuration is wrong, or its file cannot be read; nothing goes on then.
    """
    if config is None:
        named = config_path()
        if named is not None:
            config, where = Path(named), CONFIG_VARIABLE
    text = os.environ.get(RULES_VARIABLE, "").strip()
    with ExitStack() as ending:
        if config is None and not text:
            return ending.pop_all().close
        # Loads YAML, which a program without a configuration does not need.
        from otel_ctxlog.config import configure, configure_rules, parse_rules
        from otel_ctxlog.config import watch as watch_file

        says_level = bool(text) and parse_rules(text, name=RULES_VARIABLE).default_level is not None
        if isinstance(config, Path) and not config.is_file():
            raise ConfigError(f"the file named by {where} {_why_no_file(config)}", file=str(config))
        if isinstance(config, Path) and watch:
            watcher = watch_file(context, config, default_level=not says_level)
            ending.callback(watcher.close)
        elif config is not None:
            configure(context, config)
        if text:
            origin = Origin("environment", RULES_VARIABLE)
            configure_rules(context, text, name=RULES_VARIABLE, origin=origin)
        return ending.pop_all().close


def _why_no_file(path: Path) -> str:
    from otel_ctxlog.config import parse_rules

    if path.is_dir():
        return "is a folder"
    found = "does not exist" if path.is_absolute() else f"does not exist in {Path.cwd()}"
    try:
        parse_rules(str(path))
    except ConfigError:
        is_level = False
    else:
        is_level = True
    if is_level or any(sign in str(path) for sign in "=,["):
        return f"{found}; rules on one line go into {RULES_VARIABLE}, or config=otel_ctxlog.config.parse_rules(…)"
    try:
        names = [one.name for one in path.parent.iterdir()]
    except OSError:
        names = []
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.8)
    return f"{found}; did you mean {str(path.with_name(near[0]))!r}?" if near else found

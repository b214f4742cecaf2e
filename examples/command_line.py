"""A command-line tool: what people read goes to the terminal, and `--log` takes one-line rules.

Try ``--log 'info,import/*=debug'``, or put it into the variable OTEL_CTXLOG.
"""

import argparse
import sys

import otel_ctxlog as cl
from otel_ctxlog import config
from otel_ctxlog.console import ConsoleSink

log = cl.log(cl.Realm("import/rows"))


def main(arguments: list[str] | None = None) -> int:
    """Import some rows."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("rows", nargs="*", default=["1", "2", "x"])
    parser.add_argument("--log", default="info", help="rules, like info,import/**=debug")
    options = parser.parse_args(arguments)

    ctx = cl.LoggingContext(ConsoleSink(sys.stdout, format="human"))
    cl.set_default_context(ctx)
    try:
        config.configure(ctx, config.parse_rules(options.log))
    except cl.ConfigError as error:
        parser.error(str(error))

    failed = 0
    for row in options.rows:
        log.debug("row read", text=row)
        try:
            int(row)
        except ValueError as error:
            failed += 1
            log.log_error(error, "row skipped", text=row)
    log.info("imported", rows=len(options.rows) - failed, failed=failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

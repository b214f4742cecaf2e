"""`python -m otel_ctxlog`: the same as the command `otel-ctxlog`."""

from __future__ import annotations

import sys

from otel_ctxlog.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""The receiver's process of the end-to-end scenarios.

``python -m benchmarks.receiving`` prints its two endpoints on one line, then answers each line of its standard input by
the number of records that came since the line before, and ends where the input does.
"""

from __future__ import annotations

import sys

from otel_ctxlog.receiver import Receiver


def main() -> int:
    """Serve until the input ends; return the exit code."""
    with Receiver(http_port=0, grpc_port=0, max_records=1_000) as receiver:
        print(receiver.http_endpoint, receiver.grpc_endpoint, flush=True)
        for _ in sys.stdin:
            print(receiver.received_records, flush=True)
            receiver.clear()
    return 0


if __name__ == "__main__":
    sys.exit(main())

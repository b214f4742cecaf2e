"""What `otel_ctxlog` costs, next to other logging libraries, measured so that anybody can repeat it.

``make bench`` or ``python -m benchmarks`` runs everything, prints the tables, and writes ``benchmarks/results.json``,
``benchmarks/RESULTS.md`` and the table in ``README.md`` from that run; ``--help`` says what else there is.

- `model`: what a *case* is (one call of one library in one scenario), and a *group* of them that is measured together.
- `rooms/`: the scenarios, one file per room. To add one, write one generator function there that yields its cases.
- `rivals`, `shop`: the libraries, each set up as its documentation says; requests, rule sets and providers to log in.
- `targets`: what we promise, as ratios between cases of one group.
- `worker`, `harness`: the measuring, in processes of its own.
- `results`, `tables`, `pages`: what came out, as data, as text and in the documentation.

How it is measured, and why so:

- *Statements, not functions*: each call is compiled into a loop of its own, ten times per turn, with every object that
  it needs in a local variable. What is left of the loop is about a nanosecond per call, and the same for every library;
  a ``lambda`` around the call would cost as much as the fastest of the calls.
- *Rivals alternate*: all cases of a group take turns, in an order that rotates, and a ratio is the median of the ratios
  of single turns. `pyperf.Runner` would measure one case after another, each in processes of its own, minutes apart: on
  a machine that also does other things, the ratio of two such medians tells more about those minutes than about the
  calls. So the samples are taken here, and kept in pyperf's `Run`, `Benchmark` and `BenchmarkSuite`: ``--pyperf FILE``
  writes a file for all of pyperf's tools.
- *Several processes per group*, since the layout of memory and the order of hashes make calls of one process faster or
  slower than those of the next for its whole life.
- *CPU time* of the calling thread, so that whatever else runs meanwhile is not counted. The end-to-end scenarios count
  the CPU time of the whole process, exporting threads included; the receiver is another process.
"""

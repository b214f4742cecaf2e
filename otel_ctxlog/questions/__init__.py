"""Questions to files of OTLP JSON lines: what `otel-ctxlog events` is made of.

A scan reads the lines and keeps of them what a question needs (`scan`, `rows`, `otlp`); a private DuckDB holds that and
answers in SQL (`database`); the rest turns a question into SQL (`asking`, `references`) and an answer into text.

Needs the extra ``events``.
"""

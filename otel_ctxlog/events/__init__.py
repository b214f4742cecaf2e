"""Eventers, one kind per file, and the event contract."""

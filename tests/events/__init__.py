"""Tests of the eventers."""

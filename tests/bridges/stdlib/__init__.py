"""Tests of the stdlib bridge; a package, since they share classes."""

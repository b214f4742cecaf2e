"""Tests of the admin endpoint."""

"""Contexts and loggers."""

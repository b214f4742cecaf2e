"""Threads, tasks, forks, finalizers, signals and time, all at once."""

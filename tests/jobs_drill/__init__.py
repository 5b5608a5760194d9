"""Drills of the queue and of jobs that are too long for the test suite: `python -m tests.jobs_drill --help`."""

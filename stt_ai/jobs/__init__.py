"""Recordings that are transcribed without holding a connection open: a durable queue, its runner and its store."""

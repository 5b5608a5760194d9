"""Helpers of several tests: peers of the parts, servers that answer as scripted, clients, and the running service."""

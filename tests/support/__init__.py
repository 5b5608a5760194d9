"""Helpers of several tests: peers of the parts, servers that answer as told, clients, and the running service."""

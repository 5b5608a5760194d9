"""Fetching what callers name by its address, without letting them reach anything that is not public."""

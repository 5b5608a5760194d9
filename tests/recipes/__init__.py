"""Recipes that make the demo models which ship with the package."""

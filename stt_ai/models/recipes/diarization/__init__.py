"""How the demo diarizer is made. Nothing of the service imports this."""

from pathlib import Path

REPOSITORY = Path(__file__).parents[4]

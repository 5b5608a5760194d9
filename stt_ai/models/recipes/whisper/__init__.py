"""How the demo recogniser is made. Nothing of the service imports this."""

from pathlib import Path

REPOSITORY = Path(__file__).parents[4]
PACKAGES = ("libespeak-ng1", "libflite1", "festival", "festvox-kallpc16k", "festvox-kdlpc16k", "ffmpeg")

"""How the demo diarizer is made. Nothing of the service imports this."""

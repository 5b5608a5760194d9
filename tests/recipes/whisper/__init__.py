"""How the demo recogniser is made. Nothing of the service imports this."""

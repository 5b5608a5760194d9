"""Finished transcripts as subtitles and text: one implementation for the service and its Python client."""

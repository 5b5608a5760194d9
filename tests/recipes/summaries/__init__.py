"""How the demo summariser that ships in `stt_ai/models/demo/summaries` is made."""

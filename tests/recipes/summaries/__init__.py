"""How the demo summarizer that ships in `stt_ai/models/demo/summaries` is made."""

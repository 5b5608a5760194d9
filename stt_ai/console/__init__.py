"""The console: the page on which people try the service. Plain files, which `stt_ai.api.console.routes` serves."""

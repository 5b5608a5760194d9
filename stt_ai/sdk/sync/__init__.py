"""The client for programs that wait. `client`, `jobs` and `uploads` are made from those of `stt_ai.sdk.aio`."""

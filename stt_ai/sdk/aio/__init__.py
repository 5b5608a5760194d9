"""The client for asyncio. Files are read in the event loop's thread.

`stt_ai.sdk.sync` has the same for programs that wait: its `client`, `jobs` and `uploads` are made from those here by
`python -m tests.synchronous`. Streams truly differ, in threads and tasks, and are written for each.
"""

"""The limits of one stream, and of one process with all its streams."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Times are seconds.

    ``max_streams``: open at once in this process. ``idle_timeout_s``: without audio or a word from the client.
    ``max_session_s``: of audio, and of time. ``max_offset_s``: how far on a stream that was cut off may go on.
    ``slow_client_s``: that one message may take to be sent. ``max_frame_bytes``: one message of the client's.
    ``resume_s``: how long a stream that was cut off is remembered, and at most ``max_resume_points`` of them.
    """

    max_streams: int = 200
    config_timeout_s: float = 10.0
    idle_timeout_s: float = 30.0
    max_session_s: float = 7200.0
    max_offset_s: float = 86_400.0
    slow_client_s: float = 10.0
    max_frame_bytes: int = 1_000_000
    resume_s: float = 120.0
    max_resume_points: int = 200

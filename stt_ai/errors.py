"""Every failure that a caller is told about. Knows nothing of HTTP: `stt_ai.api.http.errors` maps it.

    SttError
    ├── BadRequest                  the caller's to mend
    │   ├── BadParameter            names the parameter
    │   ├── MalformedBody, UploadTimeout
    │   ├── MissingFile, EmptyFile, UploadIncomplete
    │   ├── UnsupportedMedia        not audio or video, or a kind that is refused
    │   ├── NoAudioTrack
    │   ├── DamagedMedia
    │   ├── IncompleteAudio         has a warning, and the caller asked for `strict`
    │   ├── SlowConsumer            does not read what a live session sends it
    │   ├── TooFast                 sends faster than a live session transcribes, where nothing can slow it down
    │   ├── ConfigTimeout, IdleTimeout, SessionTooLong
    │   ├── FrameTooLarge, UnsupportedEncoding
    │   └── SourceForbidden, SourceRefused, SourceTimeout    of an address that the caller named
    ├── Unauthorized, PaymentRequired
    ├── TooManyRequests
    │   └── TooManyJobs
    ├── JobEnded, JobNotDone, JobChanged    what was asked does not go with the state of the job
    ├── StillRunning                the same idempotency key is at work already
    ├── NotFound, MethodNotAllowed
    ├── OffsetMismatch, ChecksumMismatch, UnsupportedTusVersion, UnsupportedBody    of resumable uploads
    ├── FileTooLarge, SourceTooLarge, AudioTooLong, SummaryTooLong
    ├── Unavailable                 try again after `retry_after` seconds
    │   ├── Overloaded, StorageFull
    │   ├── ModelLoading
    │   ├── ModelUnavailable
    │   ├── ReplicaLost
    │   ├── LeaseExpired            the caller's slot was given back before the work was done
    │   └── Superseded              a newer partial took its place; never leaves a live session
    ├── AudioLost                   the decoded samples are gone; never leaves the pipeline
    └── InternalError

Each instance keeps all constructor arguments in ``args``: an exception that does not cannot cross Ray.
The message is one sentence that the caller can act on, and holds nothing of the inside.
"""


class SttError(Exception):
    """Base of all failures; ``code`` is stable and part of the API."""

    code = "internal_error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadRequest(SttError):
    """The request cannot be understood, or asks for what there is not."""

    code = "bad_request"


class BadParameter(BadRequest):
    """A parameter has a value that is not accepted. The message names it and says what is accepted.

    ``beside``: the other parameter that rules the value out, if one does.
    """

    code = "invalid_parameter"

    def __init__(self, message: str, parameter: str = "", beside: str = "") -> None:
        super().__init__(message)
        self.args = (message, parameter, beside)
        self.parameter = parameter
        self.beside = beside


class MalformedBody(BadRequest):
    """The body is not what the route reads: no form, no JSON, or a broken one."""

    code = "malformed_body"


class UploadTimeout(BadRequest):
    """The body came too slowly or stopped coming."""

    code = "upload_timeout"


class MissingFile(BadRequest):
    """The form has no file."""

    code = "missing_file"


class EmptyFile(BadRequest):
    """The file has no bytes."""

    code = "empty_file"


class UploadIncomplete(BadRequest):
    """A resumable upload is to be used before all of it has come."""

    code = "upload_incomplete"


class UnsupportedMedia(BadRequest):
    """The file is no audio or video that can be decoded."""

    code = "unsupported_format"


class NoAudioTrack(BadRequest):
    """The file has no sound."""

    code = "no_audio_track"


class DamagedMedia(BadRequest):
    """The file's sound cannot be read."""

    code = "damaged_file"


class IncompleteAudio(BadRequest):
    """The caller asked for `strict`, and the recording has a warning, whose ``code`` this is."""

    code = "incomplete_audio"

    def __init__(self, message: str, code: str = code) -> None:
        super().__init__(message)
        self.args = (message, code)
        self.code = code


class SlowConsumer(BadRequest):
    """The client of a stream does not read what it is sent."""

    code = "slow_consumer"


class TooFast(BadRequest):
    """The client of a stream sends audio far faster than it can be transcribed."""

    code = "too_fast"


class ConfigTimeout(BadRequest):
    """A stream's first message did not come."""

    code = "config_timeout"


class IdleTimeout(BadRequest):
    """A stream brought neither audio nor a word for too long."""

    code = "idle_timeout"


class SessionTooLong(BadRequest):
    """A stream has lasted as long as a session may."""

    code = "session_limit"


class FrameTooLarge(BadRequest):
    """A message of a stream is too large."""

    code = "frame_too_large"


class UnsupportedEncoding(BadRequest):
    """A stream's audio is not what it can be."""

    code = "unsupported_encoding"


class SourceForbidden(BadRequest):
    """The service may not fetch from this address: its scheme, host, port or where it redirects to."""

    code = "source_forbidden"


class SourceRefused(BadRequest):
    """The address was asked, and gave no recording."""

    code = "source_refused"


class SourceTimeout(BadRequest):
    """The address was asked, and took too long."""

    code = "source_timeout"


class Unauthorized(SttError):
    """The key is missing, unknown or revoked."""

    code = "unauthorized"


class PaymentRequired(SttError):
    """The account has no credits for this."""

    code = "no_credits"


class TooManyRequests(SttError):
    """An allowance of ``limit`` is used up; it is there again after ``retry_after`` seconds.

    ``limit`` None: it is no allowance, but too many at once.
    """

    code = "rate_limited"

    def __init__(self, message: str, retry_after: float = 60.0, limit: int | None = None) -> None:
        super().__init__(message)
        self.args = (message, retry_after, limit)
        self.retry_after = retry_after
        self.limit = limit


class TooManyJobs(TooManyRequests):
    """The caller has as many jobs waiting as it may."""

    code = "too_many_jobs"


class JobEnded(SttError):
    """The request needs a job that has not ended."""

    code = "job_ended"


class JobNotDone(SttError):
    """The job has no result, or none yet."""

    code = "job_not_done"


class JobChanged(SttError):
    """Somebody else has changed the job at the same time."""

    code = "job_changed"

    def __init__(self, message: str = "The job was changed at the same time. Look at it, and try again.") -> None:
        super().__init__(message)


class StillRunning(SttError):
    """A request with the same idempotency key is at work; its answer may be there after ``retry_after`` seconds."""

    code = "still_running"

    def __init__(self, message: str, retry_after: float = 5.0) -> None:
        super().__init__(message)
        self.args = (message, retry_after)
        self.retry_after = retry_after


class NotFound(SttError):
    """There is nothing at this address."""

    code = "not_found"


class MethodNotAllowed(SttError):
    """The address does not take this method."""

    code = "method_not_allowed"


class OffsetMismatch(SttError):
    """The next bytes of an upload do not begin where those that are there end."""

    code = "offset_mismatch"


class ChecksumMismatch(SttError):
    """The bytes of an upload's part are not those that its checksum is of."""

    code = "checksum_mismatch"


class UnsupportedTusVersion(SttError):
    """The client speaks a version of tus that the service does not."""

    code = "unsupported_tus_version"


class UnsupportedBody(SttError):
    """The body's type is not the one that the route takes."""

    code = "unsupported_media_type"


class FileTooLarge(SttError):
    """The file has more bytes than the caller may send."""

    code = "file_too_large"


class SourceTooLarge(FileTooLarge):
    """As `FileTooLarge`, of what lies at an address that the caller named."""

    code = "source_too_large"


class AudioTooLong(SttError):
    """The recording is longer than the service takes."""

    code = "audio_too_long"


class SummaryTooLong(SttError):
    """The text cannot be summarized in the time that a summary may take; the message says how long it would take."""

    code = "summary_too_long"


class Unavailable(SttError):
    """The request is right, and may succeed after ``retry_after`` seconds."""

    code = "unavailable"

    def __init__(self, message: str, retry_after: float = 5.0) -> None:
        super().__init__(message)
        self.args = (message, retry_after)
        self.retry_after = retry_after


class Overloaded(Unavailable):
    """More is asked of the service than it can take at the moment."""

    code = "overloaded"


class StorageFull(Unavailable):
    """There is no room on the disk for an upload."""

    code = "storage_full"


class ModelLoading(Unavailable):
    """The model is being loaded for longer than a request waits."""

    code = "model_loading"


class ModelUnavailable(Unavailable):
    """The model cannot be loaded."""

    code = "model_unavailable"


class ReplicaLost(Unavailable):
    """The process that held the work died, and trying again elsewhere did not help."""

    code = "replica_lost"


class LeaseExpired(Unavailable):
    """The request's lease ended before its work did: what it held was given back, and nothing is charged."""

    code = "lease_expired"


class Superseded(Unavailable):
    """The result is not needed any more: the same session sent a newer request with more audio."""

    code = "superseded"


class AudioLost(SttError):
    """The process that held the decoded samples died: the upload must be decoded again."""

    code = "audio_lost"


class InternalError(SttError):
    """Something failed that no caller can do anything about."""

    code = "internal_error"

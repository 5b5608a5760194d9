# Made from stt_ai/sdk/aio/uploads.py by `python -m tests.synchronous`: edit that one.
"""`client.uploads`: files that are sent in pieces."""

import time
from contextlib import suppress

from stt_ai.sdk import resumable
from stt_ai.sdk.calls import Do
from stt_ai.sdk.errors import NotFound, SttAiError
from stt_ai.sdk.resumable import Transfer
from stt_ai.sdk.uploads import File, Progress, Upload


class Uploads:
    """Uploads in pieces: what has arrived stays when the connection breaks."""

    def __init__(self, do: Do, max_retries: int) -> None:
        self._do = do
        self._max_retries = max_retries

    def send(self, file: File, *, upload_id: str | None = None, progress: Progress | None = None) -> str:
        """Send a file, going on after a break, and return the upload's id for `transcribe` and `jobs.create`.

        Needs a key, and a file that can seek. ``upload_id``: of an upload of this file that was interrupted: only the
        rest is sent. ``progress`` is called with (bytes sent, bytes in all). Raise `UploadInterrupted`, which has
        that id.
        """
        with Upload(file, progress) as upload:
            return self.transfer(upload, upload_id)

    def transfer(self, upload: Upload, upload_id: str | None = None) -> str:
        """Send what was opened already."""
        transfer = Transfer(upload, self._max_retries, upload_id)
        while (call := transfer.next_call()) is not None:
            try:
                transfer.answered(self._do(call))
            except SttAiError as failure:
                time.sleep(transfer.wait(failure))
        return transfer.id or ""

    def delete(self, upload_id: str) -> None:
        """Delete an upload; one that is gone already is no failure."""
        with suppress(NotFound):
            self._do(resumable.delete(upload_id))

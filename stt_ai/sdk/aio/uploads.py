"""`client.uploads`: files that are sent in pieces."""

import asyncio
from contextlib import suppress

from stt_ai.sdk import resumable
from stt_ai.sdk.calls import AsyncDo
from stt_ai.sdk.errors import NotFound, SttAiError
from stt_ai.sdk.resumable import Transfer
from stt_ai.sdk.uploads import File, Progress, Upload


class AsyncUploads:
    """Uploads in pieces: what has arrived stays when the connection breaks."""

    def __init__(self, do: AsyncDo, max_retries: int) -> None:
        self._do = do
        self._max_retries = max_retries

    async def send(self, file: File, *, upload_id: str | None = None, progress: Progress | None = None) -> str:
        """Send a file, going on after a break, and return the upload's id for `transcribe` and `jobs.create`.

        Needs a key, and a file that can seek. ``upload_id``: of an upload of this file that was interrupted: only the
        rest is sent. ``progress`` is called with (bytes sent, bytes in all). Raise `UploadInterrupted`, which has
        that id.
        """
        with Upload(file, progress) as upload:
            return await self.transfer(upload, upload_id)

    async def transfer(self, upload: Upload, upload_id: str | None = None) -> str:
        """Send what was opened already."""
        transfer = Transfer(upload, self._max_retries, upload_id)
        while (call := transfer.next_call()) is not None:
            try:
                transfer.answered(await self._do(call))
            except SttAiError as failure:
                await asyncio.sleep(transfer.wait(failure))
        return transfer.id or ""

    async def delete(self, upload_id: str) -> None:
        """Delete an upload; one that is gone already is no failure."""
        with suppress(NotFound):
            await self._do(resumable.delete(upload_id))

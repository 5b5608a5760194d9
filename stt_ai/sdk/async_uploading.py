"""`AsyncClient.uploads`. `stt_ai.sdk.uploading` is the same for programs that wait."""

import asyncio
from contextlib import suppress

from stt_ai.sdk import resumable
from stt_ai.sdk.calls import AsyncDo
from stt_ai.sdk.errors import NotFound, SttAiError
from stt_ai.sdk.resumable import Transfer
from stt_ai.sdk.uploads import File, Progress, Upload


class AsyncUploads:
    """As `stt_ai.sdk.uploading.Uploads`, for one event loop."""

    def __init__(self, do: AsyncDo, max_retries: int) -> None:
        self._do = do
        self._max_retries = max_retries

    async def send(self, file: File, *, upload_id: str | None = None, progress: Progress | None = None) -> str:
        """As `Uploads.send`. The file is read in the event loop's thread."""
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

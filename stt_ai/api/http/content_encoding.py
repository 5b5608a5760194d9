"""JSON bodies that their sender compressed (RFC 9110, 8.4).

They are decompressed piece by piece, since a small one may become huge.
"""

import zlib
from collections.abc import AsyncGenerator, AsyncIterator

from stt_ai.errors import MalformedBody

PIECE = 1 << 16
"""Bytes decompressed at once, so that whoever reads them can stop in time."""
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


async def decoded(pieces: AsyncIterator[bytes], content_encoding: str | None) -> AsyncGenerator[bytes, None]:
    """Yield the content of ``pieces``. Raise `MalformedBody` for what is not gzip, deflate or identity, or broken."""
    encoding = (content_encoding or "").strip().lower()
    if encoding in ("", "identity"):
        async for piece in pieces:
            yield piece
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise MalformedBody("`Content-Encoding` must be gzip, deflate or identity. Send the body without it.")
    decompressor = zlib.decompressobj(_GZIP_OR_ZLIB)
    async for piece in pieces:
        rest = piece
        while rest:
            if decompressor.eof:  # gzip files may be joined
                decompressor = zlib.decompressobj(_GZIP_OR_ZLIB)
            try:
                content = decompressor.decompress(rest, PIECE)
            except zlib.error:
                raise MalformedBody("The body is not compressed as its `Content-Encoding` says.") from None
            rest = decompressor.unused_data if decompressor.eof else decompressor.unconsumed_tail
            yield content
    while not decompressor.eof:
        content = decompressor.decompress(b"", PIECE)
        if not content:
            raise MalformedBody("The compressed body is cut short. Send the whole of it.")
        yield content

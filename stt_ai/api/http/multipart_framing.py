"""Removes the preamble and blanks that RFC 2046, 5.1.1, allows around parts and that the form's parser rejects.

A preamble before the first boundary, and blanks behind a boundary on its line.
"""

MAX_PREAMBLE = 1 << 16
MAX_PADDING = 256
_BLANKS = b" \t"


class Framing:
    """Takes both away from a body that is fed piece by piece; the bytes of its parts pass as they are."""

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"\r\n--" + boundary
        # The first boundary needs no line break before it.
        self._held = b"\r\n"
        self._passed = b""
        self.begun = False

    @property
    def preamble(self) -> bytes:
        """Return the first bytes of what came while no boundary has."""
        return self._passed + self._held

    def feed(self, data: bytes) -> bytes:
        """Return the body so far, without preamble and blanks."""
        data = self._held + data
        if not self.begun:
            start = data.find(self._delimiter)
            self.begun = start >= 0
            if not self.begun:
                kept = min(len(data), len(self._delimiter) - 1)
                self._held = data[len(data) - kept :]
                self._passed = (self._passed + data[: len(data) - kept])[:MAX_PREAMBLE]
                return b""
            data = data[start:]
        return self._without_padding(data)

    def finish(self) -> bytes:
        """Return the rest, which is no whole boundary."""
        rest, self._held = self._held if self.begun else b"", b""
        return rest

    def _without_padding(self, data: bytes) -> bytes:
        self._held = b""
        position = data.find(self._delimiter)
        if position < 0:
            return self._hold_from(data, _partial(data, self._delimiter))
        pieces, begin = [], 0
        while position >= 0:
            after = position + len(self._delimiter)
            end = after
            while end < len(data) and data[end] in _BLANKS and end - after < MAX_PADDING:
                end += 1
            if len(data) - end < 2 and end - after < MAX_PADDING:  # the line may go on with the next piece
                pieces.append(data[begin:position])
                self._held = data[position:]
                return b"".join(pieces)
            if end > after and data.startswith(b"\r\n", end):
                pieces.append(data[begin:after])
                begin = end
            position = data.find(self._delimiter, after)
        return b"".join([*pieces, self._hold_from(data[begin:], _partial(data[begin:], self._delimiter))])

    def _hold_from(self, data: bytes, position: int) -> bytes:
        self._held = data[position:]
        return data[:position]


def _partial(data: bytes, delimiter: bytes) -> int:
    """Return where at the end of ``data`` a delimiter may begin; its length when none does."""
    position = data.find(b"\r", max(0, len(data) - len(delimiter) + 1))
    while position >= 0:
        if delimiter.startswith(data[position:]):
            return position
        position = data.find(b"\r", position + 1)
    return len(data)

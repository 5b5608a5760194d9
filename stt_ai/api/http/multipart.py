"""Reads a multipart/form-data body as it comes, keeping nothing of the file. Knows no socket and no disk."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from stt_ai.api.http.multipart_framing import MAX_PREAMBLE, Framing
from stt_ai.api.transcription.spelling import field_name
from stt_ai.errors import BadParameter, MalformedBody, MissingFile

FILE = "file"
PROMPT = "prompt"
MAX_PARTS = 32
MAX_FIELD_BYTES = 4096
MAX_PROMPT_BYTES = 1 << 16
"""Any prompt may be sent, and its end counts; beyond this it is no prompt."""
MAX_FORM_BYTES = 1 << 20
# What the built-in fetch makes of a form of the form-data package, instead of refusing it.
NODE = (
    "Your client sent the words [object FormData] instead of the form. With the fetch that Node has built in, use the "
    "FormData that it has built in; the form-data package needs the fetch of the node-fetch package."
)
URL, UPLOAD_ID = "url", "upload_id"
IN_PLACE_OF_FILE = (URL, UPLOAD_ID)
HOW = 'Send the recording as multipart/form-data in the field `file`, as curl -F "file=@meeting.mp3" does.'


def boundary_of(content_type: str | None) -> bytes:
    """Return the boundary that a request's Content-Type names. Raise `MissingFile` or `MalformedBody`."""
    kind, options = parse_options_header(content_type)
    if kind in (b"", b"application/x-www-form-urlencoded"):
        raise MissingFile(f"There is no file. {HOW}")
    if kind != b"multipart/form-data":
        raise MalformedBody(f"The body is not a multipart form. {HOW}")
    if not options.get(b"boundary"):
        raise MalformedBody("The Content-Type header names no boundary. Let your HTTP client write that header itself.")
    return bytes(options[b"boundary"])


_EXTENDED_NAME = re.compile(rb"filename\*=[^';]*'[^';]*'([^;\s]+)", re.IGNORECASE)
"""As older HTTP clients spell names that are not ASCII (RFC 5987)."""


@dataclass(slots=True)
class _Part:
    name: str = ""
    filename: str | None = None
    has_type: bool = False
    value: bytearray = field(default_factory=bytearray)


class FormReader:
    """Feed it the body; take the file's bytes from it as they come, and the fields at the end.

    ``known`` names the fields to keep: the last of several wins, all others are thrown away unread. Where the name ends
    in `[]` all count, joined by commas. ``refusal``: why a field of this name is a fault, or None.
    Where `url` or `upload_id` is known, it may stand in place of the file.
    ``before_file`` is called with the fields so far when the file begins, and may raise to refuse early.
    """

    def __init__(
        self,
        boundary: bytes,
        known: frozenset[str],
        before_file: Callable[[Mapping[str, str]], object],
        refusal: Callable[[str], str | None] = lambda name: None,
    ) -> None:
        self.fields: dict[str, str] = {}
        self.filename = ""
        self.file_seen = False
        self.file_bytes = 0
        self._known = known
        self._refusal = refusal
        self._before_file = before_file
        self._others: list[str] = []
        self._refused: BadParameter | None = None  # raised only if there is a file: a missing one matters more
        self._parts = 0
        self._fed = 0
        self._ended = False
        self._part = _Part()
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._pieces: list[bytes] = []
        self._bare_text: bytearray | None = None
        self._framing = Framing(boundary)
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_begin": self._begin_header,
                    "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": self._data,
                    "on_part_end": self._end_part,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise MalformedBody("The boundary in the Content-Type header is too long.") from error

    def feed(self, data: bytes) -> list[bytes]:
        """Return the pieces of the file in ``data``. Raise `BadRequest`s."""
        self._fed += len(data)
        self._write(self._framing.feed(data))
        if len(self._framing.preamble) >= MAX_PREAMBLE and not self._framing.begun:
            raise self._broken()
        if self._fed - self.file_bytes > MAX_FORM_BYTES:
            raise MalformedBody(f"The form holds too much besides the file{self._named()}. {HOW}")
        return self._pieces

    def finish(self) -> None:
        """Say that the body is over. Raise `MalformedBody` when it was cut, `MissingFile` without a file."""
        if not self._fed:
            raise MissingFile(f"There is no file. {HOW}")
        if not self._framing.begun:
            raise self._broken()
        self._write(self._framing.finish())
        if not self._ended:
            raise MalformedBody("The body ended in the middle of the multipart form. Send the whole of it.")
        replacing = [name for name in IN_PLACE_OF_FILE if self.fields.get(name, "").strip()]
        if len(replacing) + self.file_seen > 1:
            names = [*replacing, *([FILE] if self.file_seen else [])]
            raise BadParameter(f"Send only one of {' and '.join(f'`{name}`' for name in names)}.", replacing[0])
        if not replacing and (not self.file_seen or (not self.file_bytes and not self.filename)):
            raise MissingFile(f"The form has no file{self._named()}. {HOW}")
        if self._refused:
            raise self._refused
        if self._bare_text is not None and self.file_bytes == len(self._bare_text) and _is_text(self._bare_text):
            raise MissingFile(f"The field `file` holds a line of text instead of a recording. {HOW}")

    def _write(self, data: bytes) -> None:
        self._pieces = []
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise self._broken() from error

    def _broken(self) -> MalformedBody:
        spelt_out = b"[object FormData]" in self._framing.preamble[:32]
        return MalformedBody(NODE if spelt_out else f"The multipart form is broken. {HOW}")

    def _named(self) -> str:
        names = ", ".join(dict.fromkeys(name for name in self._others if name.isidentifier()))
        return f"; it has: {names[:200]}" if names else ""

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise MalformedBody(f"The form has more than {MAX_PARTS} parts.")
        self._part = _Part()

    def _begin_header(self) -> None:
        self._header = (bytearray(), bytearray())

    def _end_header(self) -> None:
        name, value = bytes(self._header[0]).lower(), bytes(self._header[1])
        if name == b"content-type":
            self._part.has_type = True
        elif name == b"content-disposition":
            _, options = parse_options_header(value)
            self._part.name = field_name(options.get(b"name", b"").decode("utf-8", "replace"), self._known)
            if b"filename" in options:
                self._part.filename = options[b"filename"].decode("utf-8", "replace")
            elif extended := _EXTENDED_NAME.search(value):
                self._part.filename = unquote(extended[1].decode("latin-1"))

    def _end_headers(self) -> None:
        part = self._part
        if not part.name:
            raise MalformedBody("A part of the form has no name.")
        if part.name != FILE:
            if self._refused is None and (reason := self._refusal(part.name)):
                self._refused = BadParameter(reason, part.name)
            self._others.append(part.name)
            return
        if self._refused:
            raise self._refused
        if self.file_seen:
            raise MalformedBody("The form has more than one `file`. Send one recording per request.")
        self._before_file(self.fields)
        self.file_seen = True
        self.filename = part.filename or ""
        if part.filename is None and not part.has_type:
            self._bare_text = bytearray()

    def _data(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        if part.name == FILE:
            self.file_bytes += end - start
            self._pieces.append(data[start:end])
            if self._bare_text is not None and self.file_bytes <= MAX_FIELD_BYTES:
                self._bare_text += data[start:end]
        elif part.name in self._known:
            part.value += data[start:end]
            if len(part.value) > (MAX_PROMPT_BYTES if part.name == PROMPT else MAX_FIELD_BYTES):
                raise BadParameter(f"`{part.name}` is too long.", part.name)

    def _end_part(self) -> None:
        name = self._part.name
        if name in self._known:
            try:
                value = self._part.value.decode()
            except UnicodeDecodeError as error:
                raise BadParameter(f"`{name}` is not UTF-8 text.", name) from error
            several = name.endswith("[]") and name in self.fields
            self.fields[name] = f"{self.fields[name]},{value}" if several else value

    def _end(self) -> None:
        self._ended = True


def _is_text(data: bytearray) -> bool:
    try:
        return data.decode().strip().isprintable()
    except UnicodeDecodeError:
        return False

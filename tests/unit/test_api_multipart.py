from collections.abc import Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_ai.api.multipart import FormReader, boundary_of
from stt_ai.errors import BadParameter, BadRequest
from tests.unit.api_support import form, unhurried

BOUNDARY = "XyZ"
# Content that looks like the boundary, or like a piece of it, is what a streaming parser may trip over.
NASTY = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b"-", b"--", b"X", b"\r\n--Xy", b"\r\n--XyY", b"--XyZ-", b"\x00", b"sound"])
).map(b"".join)
CONTENT = (NASTY | st.binary(max_size=300)).filter(
    lambda data: b"\r\n--XyZ" not in data and not data.startswith(b"--XyZ")
)


def read(body: bytes, cuts: list[int], before_file: object = None) -> tuple[FormReader, bytes]:
    reader = FormReader(BOUNDARY.encode(), frozenset({"model", "language"}), before_file or (lambda fields: None))  # type: ignore[arg-type]
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = [piece for start, end in pairwise(edges) for piece in reader.feed(body[start:end])]
    reader.finish()
    return reader, b"".join(pieces)


@unhurried
@given(content=CONTENT.filter(bool), cuts=st.lists(st.integers(0, 700), max_size=20), file_first=st.booleans())
def test_however_the_body_is_cut_the_file_comes_out_whole(content: bytes, cuts: list[int], file_first: bool) -> None:
    parts = [("file", "a.mp3", content), ("model", None, "größe".encode()), ("other", None, content)]
    body, _ = form(*(parts if file_first else parts[::-1]), boundary=BOUNDARY)
    reader, got = read(body, cuts)
    assert got == content
    assert reader.file_bytes == len(content)
    assert reader.fields == {"model": "größe"}
    assert reader.filename == "a.mp3"


@unhurried
@given(body=st.binary(max_size=500) | NASTY, cuts=st.lists(st.integers(0, 500), max_size=5))
def test_any_bytes_are_read_or_refused(body: bytes, cuts: list[int]) -> None:
    try:
        read(b"--XyZ\r\n" + body, cuts)
    except BadRequest:
        return


@unhurried
@given(cut=st.integers(0, 400))
def test_a_body_cut_short_is_refused_wherever_it_is_cut(cut: int) -> None:
    body, _ = form(("model", None, b"small"), ("file", "a.mp3", b"sound"), boundary=BOUNDARY)
    whole = body.removesuffix(b"\r\n")
    if cut < len(whole):
        with pytest.raises(BadRequest):
            read(whole[:cut], [])
    else:
        read(whole, [])


def test_the_file_begins_only_when_the_fields_before_it_are_accepted() -> None:
    seen: list[dict[str, str]] = []

    def refuse(fields: Mapping[str, str]) -> None:
        seen.append(dict(fields))
        raise BadParameter("No.")

    body, _ = form(("model", None, b"x"), ("file", "a.mp3", b"sound"), ("language", None, b"en"), boundary=BOUNDARY)
    with pytest.raises(BadParameter):
        read(body, [], refuse)
    assert seen == [{"model": "x"}]


@pytest.mark.parametrize(
    "header", ['multipart/form-data; boundary="a b"', "Multipart/Form-Data; charset=utf-8; boundary=a b"]
)
def test_a_boundary_may_be_quoted_and_anywhere(header: str) -> None:
    assert boundary_of(header) == b"a b"

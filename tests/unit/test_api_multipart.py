from collections.abc import Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_ai.api.http.multipart import FormReader, boundary_of
from stt_ai.errors import BadParameter, BadRequest
from tests.support.api import form, unhurried

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


BLANKS = st.text(" \t", max_size=5).map(str.encode)
PREAMBLE = st.sampled_from([b"", b"\r\n", b"This is a multipart message.\r\n", b"--XyY\r\n", b"x--XyZ\r\n", b"\r\r\n"])


@unhurried
@given(preamble=PREAMBLE, blanks=BLANKS, content=CONTENT.filter(bool), cuts=st.lists(st.integers(0, 400), max_size=20))
def test_a_preamble_and_blanks_behind_a_boundary_are_legal(
    preamble: bytes, blanks: bytes, content: bytes, cuts: list[int]
) -> None:
    """RFC 2046, 5.1.1: `[preamble CRLF] dash-boundary transport-padding CRLF`."""
    body, _ = form(("model", None, b"small"), ("file", "a.mp3", content), boundary=BOUNDARY)
    padded = body.replace(b"--XyZ\r\n", b"--XyZ" + blanks + b"\r\n").replace(b"--XyZ--", b"--XyZ--" + blanks)
    if content.count(b"--XyZ"):
        padded = body
    reader, got = read(preamble + padded, cuts)
    assert (got, reader.fields, reader.filename) == (content, {"model": "small"}, "a.mp3")


@pytest.mark.parametrize("cut", [1, 7, 4096])
def test_a_body_without_its_boundary_is_refused_before_it_is_read_to_its_end(cut: int) -> None:
    reader = FormReader(BOUNDARY.encode(), frozenset(), lambda fields: None)
    fed = 0
    with pytest.raises(BadRequest, match="broken"):
        while fed < 1_000_000:
            reader.feed(b"\r\n--XyY"[:cut].ljust(cut, b"x"))
            fed += cut
    assert fed < 100_000


def test_a_file_name_may_be_spelled_as_older_clients_spell_it() -> None:
    part = b"Content-Disposition: form-data; name=file; filename*=utf-8''gr%C3%B6%C3%9Fe.mp3\r\n\r\nsound\r\n"
    reader, _ = read(b"--XyZ\r\n" + part + b"--XyZ--\r\n", [])
    assert reader.filename == "größe.mp3"


@pytest.mark.parametrize("name", ["words[]", "words", "words[0]", "words[12]"])
def test_an_item_of_a_list_may_be_spelled_in_several_ways(name: str) -> None:
    body, _ = form((name, None, b"one"), ("file", "a", b"sound"), ("words[]", None, b"two"), boundary=BOUNDARY)
    reader = FormReader(BOUNDARY.encode(), frozenset({"words[]"}), lambda fields: None)
    reader.feed(body)
    reader.finish()
    assert reader.fields == {"words[]": "one,two"}

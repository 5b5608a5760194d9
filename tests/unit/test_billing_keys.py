import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_ai.billing.keys import KEY_PATTERN, caller_of, checked, hash_of, new_key
from stt_ai.errors import Unauthorized

SECRET = b"a server's secret"
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def test_a_new_key_is_a_key_and_no_two_are_alike() -> None:
    made = {new_key() for _ in range(200)}
    assert len(made) == 200
    assert all(checked(key) == key for key in made)


def test_scanners_find_a_key_in_any_text() -> None:
    key = new_key()
    found = re.search(KEY_PATTERN, f'curl -H "Authorization: Bearer {key}" https://example.com')
    assert found is not None
    assert found[0] == key


@given(st.integers(0, 35), st.sampled_from(ALPHABET))
def test_a_key_with_one_wrong_character_is_told_without_a_database(at: int, other: str) -> None:
    key = new_key()
    body = key.removeprefix("stt_live_")
    if body[at] == other:
        return
    with pytest.raises(Unauthorized, match="mistyped"):
        checked("stt_live_" + body[:at] + other + body[at + 1 :])


@pytest.mark.parametrize("text", ["", "YOUR_API_KEY", "sk-1234", "stt_live_", "stt_live_short", "ключ", "\x00\udcff"])
def test_what_is_no_key_is_refused_in_words_that_say_what_one_is(text: str) -> None:
    with pytest.raises(Unauthorized, match="stt_live_"):
        checked(text)


def test_one_more_character_is_no_key() -> None:
    with pytest.raises(Unauthorized):
        checked(new_key() + "x")


def test_the_known_hash_of_a_known_text() -> None:
    assert hash_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_an_address_is_known_again_and_not_shown() -> None:
    assert caller_of("192.0.2.7", SECRET) == caller_of("192.0.2.7", SECRET)
    assert caller_of("192.0.2.7", SECRET) != caller_of("192.0.2.8", SECRET)
    assert caller_of("192.0.2.7", SECRET) != caller_of("192.0.2.7", b"another secret")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("2001:0DB8:1:2::1", "2001:db8:1:2::1", True),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("fe80::1%eth0", "fe80::1", True),
        ("192.0.2.7", "192.0.2.77", False),
        ("testclient", "unix:", False),
    ],
)
def test_addresses_of_one_caller(one: str, other: str, same: bool) -> None:
    assert (caller_of(one, SECRET) == caller_of(other, SECRET)) is same

"""API keys: `stt_live_`, 30 random characters, 6 of checksum; tokens alike; and the hashes that stand for them.

The form is GitHub's (github.blog, "Behind GitHub's new authentication token formats"): a mistyped key is told without
asking the database, and secret scanners find keys by `KEY_PATTERN` and confirm them by the checksum.
"""

import hashlib
import hmac
import ipaddress
import re
import secrets
import string
import zlib

from stt_ai.errors import Unauthorized

PREFIX = "stt_live_"
TOKEN_PREFIX = "stt_once_"
_BODY = "([0-9A-Za-z]{30})([0-9A-Za-z]{6})"
KEY_PATTERN = re.compile(PREFIX + _BODY)
TOKEN_PATTERN = re.compile(TOKEN_PREFIX + _BODY)
SHOWN = len(PREFIX) + 4

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase


def new_key() -> str:
    """178 bits of randomness."""
    return _new(PREFIX)


def new_token() -> str:
    """For one stream; as random as a key."""
    return _new(TOKEN_PREFIX)


def _new(prefix: str) -> str:
    body = random_text(30)
    return prefix + body + _checksum(body)


def random_text(length: int) -> str:
    """Return ``length`` characters of the alphabet, from the system's source of secrets."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _checksum(body: str) -> str:
    """CRC-32 of the characters in base 62, most significant first, 6 digits."""
    value, digits = zlib.crc32(body.encode("ascii")), ""
    for _ in range(6):
        value, digit = divmod(value, 62)
        digits = _ALPHABET[digit] + digits
    return digits


def checked(key: str) -> str:
    """Return the same key. Raise `Unauthorized` for what cannot be one."""
    match = KEY_PATTERN.fullmatch(key)
    if match is None:
        raise Unauthorized(
            f"This is not an API key of this service: one is {PREFIX} followed by 36 letters and digits."
        )
    if not hmac.compare_digest(_checksum(match[1]), match[2]):
        raise Unauthorized("The API key is mistyped: its checksum is wrong. Copy it again.")
    return key


def is_token(credential: str) -> bool:
    """Return whether it is meant to be a token."""
    return credential.startswith(TOKEN_PREFIX)


def checked_token(token: str) -> str:
    """Return the same token. Raise `Unauthorized` for what cannot be one."""
    match = TOKEN_PATTERN.fullmatch(token)
    if match is None or not hmac.compare_digest(_checksum(match[1]), match[2]):
        raise Unauthorized("This is not a token of POST /v1/stream/token.")
    return token


def hash_of(key: str) -> str:
    """SHA-256 in hexadecimal. Enough for random keys: there is no dictionary to try."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def caller_of(address: str, secret: bytes) -> str:
    """The id of the anonymous caller at ``address``: HMAC-SHA-256 of an IPv4 address or of an IPv6 network of 64 bits.

    A host changes the lower half of its IPv6 address at will.
    """
    return "adr_" + hmac.new(secret, _network(address).encode(), hashlib.sha256).hexdigest()


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            return str(ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))
        parsed = parsed.ipv4_mapped
    return str(parsed)

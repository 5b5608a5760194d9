"""Text of the schema as HTML."""

from html import escape


def prose(text: str) -> str:
    """Return ``text`` escaped, with `code` marked as such."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if index % 2 else piece for index, piece in enumerate(pieces))

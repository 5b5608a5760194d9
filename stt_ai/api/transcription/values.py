"""Values of parameters, as messages quote them."""


def quoted(value: str) -> str:
    """Return what the caller sent, shortened and without anything unprintable."""
    clean = "".join(char if char.isprintable() else "?" for char in value)
    return f'"{clean[:40]}…"' if len(clean) > 40 else f'"{clean}"'

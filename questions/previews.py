"""Bytes for people: text where they are text, escapes where they are not."""

TEXT_CAP = 64 * 1024


def shown(data: bytes) -> str:
    """At most TEXT_CAP bytes as text, what is not UTF-8 replaced, without NUL (PostgreSQL stores none)."""
    return data[:TEXT_CAP].decode("utf-8", errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def as_text(data: bytes | memoryview) -> str:
    """Printable in one piece: line ends stay, other control characters and broken UTF-8 become escapes."""
    text = bytes(data).decode(errors="backslashreplace")
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode()
        for char in text
    )


def as_line(data: bytes | memoryview) -> str:
    """The same on one line, with ↵ for line ends."""
    return as_text(data).replace("\n", "↵")

"""Bytes for people: text where they are text, escapes where they are not."""


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

"""Bytes of a text file to text."""

from services.rag_llm.reading.documents import Unreadable


def decode(data: bytes) -> str:
    """UTF-8 or UTF-16 by its mark, UTF-8, else Windows-1252. Raises `Unreadable` for what is no text."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    if b"\0" in data:
        raise Unreadable("It is not text.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")

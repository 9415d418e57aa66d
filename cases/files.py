"""What a file is by its bytes, and the name it may keep. Pure."""

import re
import unicodedata
import zlib
from collections.abc import Callable
from email import message_from_bytes
from pathlib import PurePosixPath

from cases.models.casework import Attachment

Kind = Attachment.Kind
MAX_NAME = 120
CONTENT_TYPES = {
    Kind.PDF: "application/pdf",
    Kind.PNG: "image/png",
    Kind.JPEG: "image/jpeg",
    Kind.WEBP: "image/webp",
    Kind.TEXT: "text/plain",
    Kind.CSV: "text/csv",
    Kind.EMAIL: "message/rfc822",
}
_ENDINGS = {
    ".pdf": Kind.PDF,
    ".png": Kind.PNG,
    ".jpg": Kind.JPEG,
    ".jpeg": Kind.JPEG,
    ".webp": Kind.WEBP,
    ".txt": Kind.TEXT,
    ".csv": Kind.CSV,
    ".eml": Kind.EMAIL,
}
ACCEPTED = ",".join(_ENDINGS)
_ALLOWED = "PDF, PNG, JPEG, WebP, text, CSV and e-mail (.eml) files can be kept"
# Separators, what Windows refuses, and quotes: none of them belongs in a name that others save.
_UNSAFE = re.compile(r'[\\/:*?"<>|]')
_MARKUP = re.compile(rb"\s*(<[!?a-z]|%!ps)", re.IGNORECASE)
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_PNG_HEAD, _PNG_CHUNK = b"\x89PNG\r\n\x1a\n", 12
# Readers of PDF look for the end mark here. Source: ISO 32000-1, Annex H.3, note 18.
_PDF_TAIL = 1024


class FileRefusedError(Exception):
    """The file cannot be kept; the text says why, for the person who chose it."""


def safe_name(name: str) -> str:
    """The last part of a name, without what hides, turns or breaks it; at most 120 characters, ending kept."""
    last = re.split(r"[\\/]", unicodedata.normalize("NFC", name))[-1]
    # Control and format characters: a right-to-left mark makes `gpj.exe` of `exe.jpg`.
    shown = "".join(letter for letter in last if unicodedata.category(letter)[0] != "C")
    path = PurePosixPath(_UNSAFE.sub("_", " ".join(shown.split())).strip(". ") or "file")
    return f"{path.stem[: MAX_NAME - len(path.suffix)]}{path.suffix}"[:MAX_NAME]


def kind_of(name: str, data: bytes) -> Kind:
    """Tell the kind by the bytes; the name's ending must say the same.

    Raises:
        FileRefusedError: it is empty, broken, of another kind, or not what its name says.
    """
    if not data:
        raise FileRefusedError("The file is empty.")
    claimed = _ENDINGS.get(PurePosixPath(name).suffix.lower())
    if claimed is None:
        raise FileRefusedError(f"{_ALLOWED}; the name ends in none of these.")
    if not _CHECKS[claimed](data):
        raise FileRefusedError(f"The name says {claimed.label}, the content is something else or broken. {_ALLOWED}.")
    return claimed


def _is_pdf(data: bytes) -> bool:
    return data.startswith(b"%PDF-") and b"%%EOF" in data[-_PDF_TAIL:]


def _is_png(data: bytes) -> bool:
    """Walk the chunks to the last one: nothing may hide behind it."""
    if not data.startswith(_PNG_HEAD + b"\x00\x00\x00\x0dIHDR"):
        return False
    at = len(_PNG_HEAD)
    while at + _PNG_CHUNK <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + _PNG_CHUNK + length
        if end > len(data) or zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            return False
        if kind == b"IEND":
            return end == len(data)
        at = end
    return False


def _is_jpeg(data: bytes) -> bool:
    # Cameras put a preview or a film behind the end mark, so it need not be last.
    return data.startswith(b"\xff\xd8\xff") and b"\xff\xd9" in data[3:]


def _is_webp(data: bytes) -> bool:
    is_named = data[:4] == b"RIFF" and data[8:15] == b"WEBPVP8"
    return is_named and int.from_bytes(data[4:8], "little") + 8 == len(data)


def _is_text(data: bytes) -> bool:
    """No control characters, and no markup: a browser that guesses must not find a page in it.

    Any encoding that has ASCII in it: banks send CSV in older ones than UTF-8.
    """
    text = data.removeprefix(b"\xef\xbb\xbf")
    return not _CONTROL.search(text) and not _MARKUP.match(text)


def _is_email(data: bytes) -> bool:
    """Headers as RFC 5322 asks for, From among them, before anything else."""
    head = data.lstrip(b"\r\n")[:65536]
    if b"\x00" in data or not re.match(rb"[!-9;-~]+:", head):
        return False
    headers = message_from_bytes(head)
    return "From" in headers and ("Date" in headers or "Received" in headers)


_CHECKS: dict[Kind, Callable[[bytes], bool]] = {
    Kind.PDF: _is_pdf,
    Kind.PNG: _is_png,
    Kind.JPEG: _is_jpeg,
    Kind.WEBP: _is_webp,
    Kind.TEXT: _is_text,
    Kind.CSV: _is_text,
    Kind.EMAIL: _is_email,
}

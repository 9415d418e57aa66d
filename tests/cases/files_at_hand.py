"""Small files of each kind that may be kept, and some that pretend."""

import zlib


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


HTML = b"<!doctype html><script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
PDF = b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\nstartxref\n9\n%%EOF\n"
PNG = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", b"\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00")
    + _chunk(b"IDAT", zlib.compress(b"\x00\x00"))
    + _chunk(b"IEND", b"")
)
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9"
WEBP = b"RIFF" + (18).to_bytes(4, "little") + b"WEBPVP8L" + (5).to_bytes(4, "little") + b"\x2f\x00\x00\x00\x00\x00"
TEXT = b"Cardholder called at 14:02.\n"
CSV = "Datum;Betrag\n20.11.;9,90 \xa4\n".encode("latin-1")
EML = b"From: a@example.com\r\nDate: Fri, 20 Nov 2026 12:00:00 +0000\r\nSubject: x\r\n\r\n<b>Hello</b>\r\n"

GOOD = {
    "a.pdf": PDF,
    "a.png": PNG,
    "a.jpg": JPEG,
    "a.JPEG": JPEG,
    "a.webp": WEBP,
    "a.txt": TEXT,
    "a.csv": CSV,
    "a.eml": EML,
}
BAD = {
    "page.png": HTML,
    "page.jpg": HTML,
    "page.pdf": HTML,
    "page.webp": HTML,
    "page.txt": HTML,
    "page.csv": b"\xef\xbb\xbf \n" + HTML,
    "page.eml": HTML,
    "drawing.txt": SVG,
    "drawing.png": SVG,
    "behind.png": PNG + SVG,
    "inside.png": PNG.replace(b"\x08\x00\x00\x00\x00", b"\x08\x00\x00\x00\x01"),
    "cut.png": PNG[:-4],
    "long.png": PNG[:8] + b"\xff\xff\xff\xff" + PNG[12:],
    "cut.pdf": PDF[:-8],
    "before.pdf": HTML + PDF,
    "behind.webp": WEBP + HTML,
    "cut.jpg": JPEG[:-2],
    "picture.txt": JPEG,
    "sound.webp": b"RIFF" + (4).to_bytes(4, "little") + b"WAVE",
    "headless.eml": TEXT,
    "odd.eml": b"Subject: x\r\n\r\nno sender",
    "null.csv": b"a,b\x00c",
}
NOT_KEPT = {
    "drawing.svg": SVG,
    "page.html": HTML,
    "program.exe": b"MZ\x90\x00",
    "noending": TEXT,
    ".txt": TEXT,
    "a.pdf.exe": PDF,
}

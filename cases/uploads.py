"""Takes one file of a request into memory, and no more of it than may be kept."""

from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile


class BoundedUploadHandler(FileUploadHandler):
    """Holds at most `ATTACHMENT_MAX_MB` of a request's files; what goes beyond is read past and left out.

    Forms are read before anybody knows who sends them, so the limit holds for strangers too.
    """

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        self._left = settings.ATTACHMENT_MAX_MB * 1_000_000

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._buffer = BytesIO()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._left -= len(raw_data)
        if self._left < 0:
            self._buffer.close()
            raise SkipFile
        self._buffer.write(raw_data)

    def file_complete(self, file_size: int) -> InMemoryUploadedFile | None:
        if self._buffer.closed:
            return None
        self._buffer.seek(0)
        return InMemoryUploadedFile(
            self._buffer, self.field_name, self.file_name, self.content_type, file_size, self.charset
        )

"""A file that is read under watch: how far the reading is, when it is to stop, how much it may unpack to.

It bears the name that people gave it, wherever it lies. Knows no format of a row.
"""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, cast

_PACKED: Final = b"\x1f\x8b"
"""How gzip begins, whatever the file is called."""
_AT_ONCE: Final = 1 << 16


class Stopped(Exception):
    """The reading was told to stop."""


class Watched:
    """A file at `path` that is called `name`; gzip is unpacked, to `most` bytes and no further."""

    def __init__(self, path: Path, name: str, most: int) -> None:
        self.path, self.name = path, name
        self._most = most
        self._stopped = False
        self.read = 0
        """Bytes of the file that its latest reading has taken."""

    def open(self, _mode: Literal["rb"], /) -> BinaryIO:
        """Its bytes, unpacked; raises OSError."""
        return cast(BinaryIO, io.BufferedReader(_Bytes(self), _AT_ONCE))

    def stop(self) -> None:
        """Let whoever reads it meet Stopped, in whatever thread that is."""
        self._stopped = True

    def took(self, at: int, unpacked: int) -> None:
        """Hear of what was read; raises Stopped, and OSError where it is more than it may be."""
        if self._stopped:
            raise Stopped
        self.read = at
        if unpacked > self._most:
            raise OSError(f"it unpacks to more than {self._most >> 20:,} MiB")


class _Bytes(io.RawIOBase):
    """The bytes of one reading."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._file = watched.path.open("rb")
        packed = self._file.read(len(_PACKED)) == _PACKED
        self._file.seek(0)
        source = gzip.GzipFile(fileobj=self._file, mode="rb") if packed else self._file
        self._source = cast(BinaryIO, source)
        self._packed, self._unpacked = packed, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._unpacked = self._source.seek(offset, whence)
        return self._unpacked

    def tell(self) -> int:
        return self._source.tell()

    def readinto(self, buffer: Any) -> int:
        read = self._source.read(len(buffer))
        buffer[: len(read)] = read
        self._unpacked += len(read)
        self._watched.took(self._file.tell(), self._unpacked if self._packed else 0)
        return len(read)

    def close(self) -> None:
        if not self.closed:
            self._source.close()
            self._file.close()
        super().close()

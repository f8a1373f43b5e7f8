"""What can go wrong with a recording."""

from os import PathLike, fspath


class RecordedError(Exception):
    """A recording cannot be used as it is."""


class ReadError(RecordedError):
    """A file cannot be read: it is damaged, or it is not what the reader was told that it is.

    `path` names the file, `line` the line (from 1) that could not be read, or None where a file has no lines.
    """

    def __init__(self, path: str | PathLike[str], line: int | None, reason: str) -> None:
        self.path = fspath(path)
        self.line = line
        self.reason = reason
        super().__init__(f"{self.path}, line {line}: {reason}" if line else f"{self.path}: {reason}")

    def __reduce__(self) -> tuple[type["ReadError"], tuple[str, int | None, str]]:
        return ReadError, (self.path, self.line, self.reason)


class GapError(RecordedError):
    """An update does not follow the one before: something between the two was not recorded."""

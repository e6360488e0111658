"""A stream that also goes to a log: whole lines with the time, progress bars only as they end, and never a token."""

import re
from datetime import UTC, datetime
from typing import Any, TextIO

_TOKEN = re.compile(r"hf_[A-Za-z0-9]{8,}")


class Tee:
    """Writes to ``stream`` as it comes, and to ``log`` line by line."""

    def __init__(self, stream: TextIO, log: TextIO) -> None:
        self.stream, self.log, self._line = stream, log, ""

    def write(self, text: str) -> int:
        """Write text; as for any stream, the number of characters is returned."""
        self.stream.write(text)
        *whole, self._line = (self._line + text).split("\n")
        for line in whole:
            self.note(line)
        # A bar redraws its line for hours; only what is left of it at the end is kept.
        self._line = self._line.rpartition("\r")[2]
        return len(text)

    def note(self, line: str) -> None:
        """One line for the log alone."""
        shown = _TOKEN.sub("hf_…", line.rpartition("\r")[2]).rstrip()
        if shown:
            self.log.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {shown}\n")
            self.log.flush()

    def finish_line(self) -> None:
        """Note what was written without an end of line."""
        if self._line:
            self.note(self._line)
            self._line = ""

    def __getattr__(self, name: str) -> Any:
        """All else is the stream's own, ``isatty`` too, so that progress bars are drawn there as ever."""
        return getattr(self.stream, name)

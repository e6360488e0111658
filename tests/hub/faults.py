"""What can go wrong between a client and the Hub, on demand."""

from __future__ import annotations

import re
from dataclasses import dataclass

MESSAGES = {
    400: "Bad request",
    401: "Invalid credentials in Authorization header",
    403: "Forbidden: pass a token with the right permissions",
    412: "A commit has happened since. Please refresh and try again.",
    429: "Too Many Requests",
    500: "Internal Error - We're working hard to fix this as soon as possible!",
    502: "Bad Gateway",
    503: "Service Temporarily Unavailable",
}


@dataclass
class Fault:
    """Something that goes wrong with the requests that match, as often as ``times`` says.

    method: such as POST, or None for any. path: a regular expression that is searched in the path and query.
    Then one of: status (with retry_after seconds for a 429 or 503), cut (the connection closes without an answer),
    truncate (this share of the body comes, then the connection closes), shorten (this share of the body comes as if it
    were all). delay: seconds before the answer, with any of them or alone. afterwards: the request is carried out
    first, and only its answer is lost.
    """

    method: str | None
    path: str
    status: int | None = None
    retry_after: int | None = None
    cut: bool = False
    truncate: float | None = None
    shorten: float | None = None
    delay: float = 0.0
    afterwards: bool = False
    times: int = 1_000_000
    met: int = 0

    def meets(self, method: str, path: str) -> bool:
        """Whether this request is hit; counts it."""
        if self.met >= self.times or self.method not in (None, method) or not re.search(self.path, path):
            return False
        self.met += 1
        return True

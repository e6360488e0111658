"""Photographs in, a published checkpoint out. Uses skin_model; never imports the interface."""

import skin_model  # noqa: F401  turns telemetry off, whatever is imported after it


class UserError(Exception):
    """Something a command-line user can mend; its one sentence says what is wrong and how."""

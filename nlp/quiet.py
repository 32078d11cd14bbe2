"""transformers without its progress bars and advice: those are for programmers, not for who runs a server."""

from __future__ import annotations

from transformers.utils import logging


def quiet() -> None:
    """Errors only, from here on."""
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]

"""What the api answers about the log as data, and about uploads of transcripts.

Pure shapes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from bot.api.routing import Shape


class Log(Shape):
    """The conversations that are stored, and of how many models may learn; the rest by reason."""

    conversations: int
    imported: int
    eligible: int
    not_eligible: dict[str, int]


class UploadItem(Shape):
    """An uploaded file. `working`: it is read now; `kept`: it is still there, until `expires_at` at most."""

    id: UUID
    name: str
    format: str | None
    options: dict[str, Any]
    size: int
    sha256: str
    state: Literal["surveying", "surveyed", "running", "done", "failed", "cancelled"]
    working: bool
    cancelled: bool
    kept: bool
    progress: dict[str, Any] | None
    report: dict[str, Any] | None
    imported: int
    error: str | None
    by: str | None
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None


class Uploaded(Shape):
    """One upload."""

    upload: UploadItem


class Uploads(Shape):
    """Uploads, newest first; `most` is how many bytes a file may have."""

    items: list[UploadItem]
    most: int


class Head(Shape):
    """An upload, and where it is a table its first rows, the names of its columns first.

    `columns` says in which column each field was found, `roles` who the common words of the role column are.
    """

    upload: UploadItem
    head: list[list[str]] | None
    fields: list[str]
    columns: dict[str, int]
    roles: dict[str, Literal["customer", "agent"]]

"""A database brought back to an earlier revision, for the tests of what a later one does with its rows."""

from __future__ import annotations

from unittest import mock

from alembic import command

from storage import migrations


async def downgrade(url: str, revision: str) -> None:
    """Undo every revision after this one, on the connection that an upgrade would use."""

    def back(config: object, _: str) -> None:
        command.downgrade(config, revision)  # type: ignore[arg-type]

    with mock.patch.object(migrations, "command", mock.Mock(upgrade=back)):
        await migrations.upgrade(url)

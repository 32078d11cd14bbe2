from __future__ import annotations

import pytest

from storage import settings_store
from storage.database import Database
from storage.errors import Invalid, InvalidText


async def test_a_setting_is_stored_replaced_and_defaulted(db: Database) -> None:
    async with db.read() as tx:
        assert await settings_store.get_setting(tx, "mode") is None
        assert await settings_store.get_setting(tx, "mode", "off") == "off"
    for mode in ("draft", "automatic"):
        await db.write(lambda tx, m=mode: settings_store.put_setting(tx, "mode", m))
    await db.write(lambda tx: settings_store.put_setting(tx, "nothing", None))
    async with db.read() as tx:
        assert await settings_store.get_setting(tx, "mode") == "automatic"
        assert await settings_store.get_setting(tx, "nothing", "default") is None
        assert await settings_store.all_settings(tx) == {"mode": "automatic", "nothing": None}


async def test_a_value_that_json_or_the_database_can_not_hold_is_refused(db: Database) -> None:
    with pytest.raises(InvalidText):
        await db.write(lambda tx: settings_store.put_setting(tx, "x", {"deep": ["a\0"]}))
    with pytest.raises(InvalidText):
        await db.write(lambda tx: settings_store.put_setting(tx, "x", {"\ud800": 1}))
    with pytest.raises(Invalid):
        await db.write(lambda tx: settings_store.put_setting(tx, "x", float("inf")))

"""Customers and the names that channels know them by. Knows no conversation."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, select, update

from storage.errors import NotFound
from storage.records import Customer
from storage.rows import build
from storage.schema import conversations, customer_identities, customers, messages, vectors
from storage.stamps import new_id, now
from storage.transaction import Transaction


async def create_customer(
    tx: Transaction,
    *,
    display_name: str,
    token_hash: bytes | None,
    locale: str | None,
    email: str | None = None,
    channel: str = "web",
    external_id: str | None = None,
    learn_from: bool = True,
) -> Customer:
    """Make a customer with one identity; raises Conflict when the identity or the token is taken.

    `external_id` is the channel's own name for them; without one the new id serves. `token_hash` is
    the SHA-256 of a visitor token; `learn_from` False keeps models from learning from them.
    """
    customer = Customer(new_id(), display_name, email, locale, now(), learn_from)
    await tx.insert(
        customers,
        [
            {
                "id": customer.id,
                "display_name": display_name,
                "email": email,
                "locale": locale,
                "created_at": customer.created_at,
                "learn_from": learn_from,
            }
        ],
    )
    identity = {
        "channel": channel,
        "external_id": external_id or str(customer.id),
        "customer_id": customer.id,
        "token_hash": token_hash,
    }
    await tx.insert(customer_identities, [identity])
    return customer


async def customer(tx: Transaction, customer_id: UUID) -> Customer:
    """The customer; raises NotFound."""
    row = await tx.first(select(customers).where(customers.c.id == customer_id))
    if row is None:
        raise NotFound("no such customer")
    return build(Customer, row, customers)


async def customer_by_token(tx: Transaction, token_hash: bytes) -> Customer | None:
    """Whose visitor token this is the hash of."""
    return await _where(tx, customer_identities.c.token_hash == token_hash)


async def customer_by_identity(tx: Transaction, channel: str, external_id: str) -> Customer | None:
    """Who bears this name on this channel."""
    identity = customer_identities.c
    return await _where(tx, and_(identity.channel == channel, identity.external_id == external_id))


async def _where(tx: Transaction, condition: ColumnElement[bool]) -> Customer | None:
    row = await tx.first(select(customers).join(customer_identities).where(condition))
    return None if row is None else build(Customer, row, customers)


async def customer_for(
    tx: Transaction, *, channel: str, external_id: str, display_name: str, locale: str | None = None
) -> Customer:
    """Find or make the customer of a channel's own user id (a Slack user); a known one keeps their name."""
    known = await customer_by_identity(tx, channel, external_id)
    if known is not None:
        return known
    return await create_customer(
        tx,
        display_name=display_name,
        token_hash=None,
        locale=locale,
        channel=channel,
        external_id=external_id,
    )


async def update_customer(
    tx: Transaction,
    customer_id: UUID,
    *,
    display_name: str | None = None,
    email: str | None = None,
    locale: str | None = None,
) -> Customer:
    """Change what is given, leave the rest; raises NotFound."""
    given = {"display_name": display_name, "email": email, "locale": locale}
    changes = {name: value for name, value in given.items() if value is not None}
    if changes:
        await tx.execute(update(customers).where(customers.c.id == customer_id).values(**changes))
    return await customer(tx, customer_id)


async def erase_customer(tx: Transaction, customer_id: UUID) -> None:
    """Remove a customer and everything that came from them, vectors included; raises NotFound."""
    theirs = (
        select(messages.c.id)
        .join(conversations, conversations.c.id == messages.c.conversation_id)
        .where(conversations.c.customer_id == customer_id)
    )
    await tx.execute(delete(vectors).where(vectors.c.ref_id.in_(theirs)))
    if not await tx.changed(delete(customers).where(customers.c.id == customer_id)):
        raise NotFound("no such customer")

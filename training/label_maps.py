"""What the labels of public entity sets are called here: one map for training and for `evaluate`.

A value names one of our types, or several joined by "|" where a set does not tell them apart. A label
that is not here is left out. Knows names only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

ANY_PLACE = "city|country|place"
NAME_PARTS = frozenset({"first_name", "last_name"})
"""Labels that stand side by side for one person."""

_OURS = {
    "person": """person per name person_name first_name last_name customer_name recipient_account_name
        doctor_name dentist_name stylist_name directed_by""",
    "company": "company org organization organisation corporation company_name car_brand",
    "product": "product product_name item_name software_name car_model prod",
    "address": "address street_address event_location",
    "city": """city current_city arrival_city departure_city new_city delivery_city city_of_event origin_city
        destination_city pickup_city town""",
    "country": "country delivery_country",
    "place": "place fac facility",
    ANY_PLACE: """location loc gpe geo destination origin from_location to_location where_to
        geo-loc geoloc""",
    "date": """date date_from date_to date_period departure_date check_in_date pickup_date appointment_date
        dropoff_date check_out_date event_date return_date show_date visit_date leaving_date charge_date
        start_date end_date         lastuseddate""",
    "date|time": "date_time datetime",
    "time": """time time_from time_to appointment_time pickup_time event_time departure_time leaving_time
        outbound_departure_time inbound_departure_time charge_time lastusedtime arrival_time""",
    "amount": """amount money amount_of_money refund_amount cost charge_amount price transferamount
        monetary currency_amount""",
    "coupon_code": "coupon_code coupon promo_code voucher_code",
    "order_id": "order_id order_number booking_confirmation_number",
    "tracking_number": "tracking_number tracking_id",
    "invoice_number": "invoice_number invoice_id",
    "account_id": "account_id account_number target_account_number customer_id",
    "email": "email email_address e-mail",
    "phone": "phone phone_number phonenumber telephone",
    "card": "card card_number credit_card credit_card_number",
    "iban": "iban iban_code",
    "url": "url domain_name website",
}
SHIPPED: Mapping[str, str] = {label: ours for ours, labels in _OURS.items() for label in labels.split()}
"""Source label, lower-cased, to ours."""


def mapped(labels: Iterable[str], more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The labels that have a counterpart here; what `more` says comes first, and "" leaves one out."""
    said = {key.lower(): value for key, value in (more or {}).items()}
    found = {label: said.get(label.lower(), SHIPPED.get(label.lower(), "")) for label in labels}
    return {label: ours for label, ours in found.items() if ours}

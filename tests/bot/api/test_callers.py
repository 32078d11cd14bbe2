"""Who calls: the address behind a proxy, and origins."""

from __future__ import annotations

from typing import Any, cast

import pytest
from aiohttp.test_utils import make_mocked_request

from bot.api import errors
from bot.api.callers import check_own_page, client_address
from bot.api.services import Services
from bot.settings import Settings


class FakeDesk:
    """Services of which only the settings are looked at."""

    def __init__(self, **settings: Any) -> None:
        self.settings = Settings(**settings)


def desk(**settings: Any) -> Services:
    return cast(Services, FakeDesk(**settings))


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("1.1.1.1", "9.9.9.9", "1.1.1.1"),
        ("10.0.0.1", "9.9.9.9", "9.9.9.9"),
        ("10.0.0.1", "6.6.6.6, 9.9.9.9", "9.9.9.9"),
        ("10.0.0.1", "9.9.9.9, 10.0.0.2", "9.9.9.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("2001:db8::1:2", "", "2001:db8::/64"),
    ],
)
def test_only_listed_proxies_are_believed(peer: str, forwarded: str, found: str) -> None:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = make_mocked_request("GET", "/", headers=headers).clone(remote=peer)
    assert client_address(request, desk(trusted_proxies=("10.0.0.1", "10.0.0.2"))) == found


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://help.example.com", True),
        ("http://help.example.com", False),
        ("https://help.example.com.evil.example", False),
        ("https://help.example.com:8443", False),
        ("null", False),
    ],
)
def test_the_public_url_is_the_origin(origin: str, allowed: bool) -> None:
    headers = {"X-Deskhand": "1", "Origin": origin, "Host": "127.0.0.1:8080"}
    request = make_mocked_request("POST", "/api/session", headers=headers)
    known = desk(public_url="https://help.example.com")
    if allowed:
        check_own_page(request, known)
    else:
        with pytest.raises(errors.Forbidden):
            check_own_page(request, known)

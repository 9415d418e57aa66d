"""Where webhooks may go, by address and by URL."""

from contextlib import suppress
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.webhooks.addresses import RefusedUrlError, check_url, is_allowed, is_named

NAMED = [ip_network("10.1.0.0/16"), ip_network("fd00:1::/32")]


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "93.184.215.14", "172.15.0.1", "2606:4700::1111", "2a00:1450:4001:80b::200e", "64:ff9b::808:808"],
)
def test_public_addresses_are_called(address):
    assert is_allowed(ip_address(address), [])


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",  # carriers' NAT, and a cloud's metadata at 100.100.100.200
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",  # metadata of most clouds
        "168.63.129.16",  # Azure's host
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.7",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",  # NAT64 of 127.0.0.1
        "64:ff9b::a9fe:a9fe",  # and of 169.254.169.254
        "64:ff9b:1::a00:1",  # NAT64 of a network's own
        "100::1",
        "2001::1",  # Teredo
        "2001:db8::1",
        "2002:7f00:1::",  # 6to4 of 127.0.0.1
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",  # a cloud's metadata
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
    ],
)
def test_addresses_that_are_not_public_are_refused(address):
    assert not is_allowed(ip_address(address), [])


def test_networks_that_the_operator_names_are_called_and_their_neighbours_are_not():
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203", "fd00:1::5"):
        assert is_allowed(ip_address(address), NAMED)
        assert is_named(ip_address(address), NAMED)
    for address in ("10.2.0.1", "127.0.0.1", "fd00:2::5"):
        assert not is_allowed(ip_address(address), NAMED)
    assert not is_named(ip_address("8.8.8.8"), NAMED)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_written_as_ipv6_is_judged_alike(address):
    for written in (f"::ffff:{address}", f"64:ff9b::{address}"):
        assert is_allowed(ip_address(written), []) == is_allowed(address, [])


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/hook",
        "https://shop.example:8443/a/b?c=d&e=%20",
        "HTTPS://SHOP.EXAMPLE",
        "https://xn--bcher-kva.example/",
        "https://8.8.8.8/hook",
        "https://[2606:4700::1111]:8443/hook",
    ],
)
def test_urls_of_endpoints_are_taken(url):
    check_url(url, [])


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "Only letters"),
        ("shop.example/hook", "begins with https://"),
        ("//shop.example/hook", "begins with https://"),
        ("ftp://shop.example/", "begins with https://"),
        ("file:///etc/passwd", "begins with https://"),
        ("gopher://shop.example:70/", "begins with https://"),
        ("http://shop.example/", "Write https://"),
        ("https://", "no host"),
        ("https:///hook", "no host"),
        ("https://user@shop.example/", "No user and password"),
        ("https://user:pass@shop.example/", "No user and password"),
        ("https://shop.example#@10.0.0.1/", "No fragment"),
        ("https://shop.example/#", "No fragment"),
        ("https://shop.example:0/", "port 0"),
        ("https://shop.example:99999/", "not a URL"),
        ("https://shop.example:abc/", "not a URL"),
        ("https://[::1/", "not a URL"),
        ("https://shop.example\\@10.0.0.1/", "Only letters"),
        ("https://shop.example/ x", "Only letters"),
        ("https://shop.example/\r\nhost: x", "Only letters"),
        ("https://shop.example/\x00", "Only letters"),
        ("https://bücher.example/", "xn--"),
        ("https://\ud800.example/", "Only letters"),
        ("https://127.0.0.1/", "not a public address"),
        ("https://[::1]/", "not a public address"),
        ("https://[::ffff:169.254.169.254]/", "not a public address"),
        ("https://shop.example/" + "x" * 500, "At most 500"),
    ],
)
def test_other_urls_are_refused_in_words(url, said):
    with pytest.raises(RefusedUrlError, match=said):
        check_url(url, [])


def test_plain_http_and_private_addresses_are_typed_in_where_a_network_is_named():
    check_url("http://payments.internal/hook", NAMED)
    check_url("http://10.1.2.3:8080/hook", NAMED)

    with pytest.raises(RefusedUrlError, match="not a public address"):
        check_url("http://10.2.0.1/", NAMED)


@given(st.text())
def test_no_text_fails_in_another_way_than_by_a_refusal(text):
    with suppress(RefusedUrlError):
        check_url("https://" + text, [])

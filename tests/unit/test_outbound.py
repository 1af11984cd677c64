"""Which addresses are called and which URLs are taken, by every kind and every spelling."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_network
from urllib.parse import urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from app.errors import Problem
from app.jira.outbound import NetworkPolicy, check_url

PUBLIC_ONLY = NetworkPolicy()
LOOPBACK_TOO = NetworkPolicy(insecure_http=True)
EVERYTHING = NetworkPolicy((ip_network("0.0.0.0/0"), ip_network("::/0")), insecure_http=True)

KINDS = {
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "unspecified": ["0.0.0.0", "0.1.2.3", "::"],
    "link-local": ["169.254.0.1", "169.254.255.255", "fe80::1", "fe80::1%eth0"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1"],
    "tunnel": ["192.88.99.1", "2002:0808:0808::1", "2002:7f00:1::", "2001:0:4136:e378::1"],
    "reserved": ["240.0.0.1", "255.255.255.255", "::808:808", "64:ff9b:1::1", "fec0::1", "4000::1"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12::1"],
    "shared": ["100.64.0.1", "100.127.255.255"],
    "special": ["192.0.0.1", "198.18.0.1", "198.19.255.255", "2001:1::1"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
    "metadata": [
        *("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16"),
        *("169.254.170.2", "fd20:ce::254", "192.0.0.192"),
    ],
}
OF_A_KIND = [(kind, address) for kind, addresses in KINDS.items() for address in addresses]
OPENED_BY_A_NETWORK = {"private", "shared", "special", "documentation"}

PUBLIC = [
    *("8.8.8.8", "104.192.136.1", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0"),
    *("11.0.0.0", "9.255.255.255", "126.255.255.255", "128.0.0.0", "223.255.255.255"),
    *("168.63.129.15", "2606:4700::1", "2401:1d80:3000::1", "64:ff9b::808:808", "::ffff:8.8.8.8"),
]


@pytest.mark.parametrize(("kind", "address"), OF_A_KIND)
def test_an_address_that_is_not_public_is_refused_by_its_kind(kind: str, address: str) -> None:
    assert PUBLIC_ONLY.refusal(address) == kind


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_called(address: str) -> None:
    assert PUBLIC_ONLY.refusal(address) is None


@pytest.mark.parametrize(("kind", "address"), OF_A_KIND)
def test_no_setting_opens_metadata_link_local_multicast_or_reserved_addresses(
    kind: str, address: str
) -> None:
    opened = kind == "loopback" or kind in OPENED_BY_A_NETWORK
    assert EVERYTHING.refusal(address) == (None if opened else kind)


def test_an_allowed_network_opens_its_own_addresses_and_no_others() -> None:
    policy = NetworkPolicy((ip_network("10.20.0.0/16"), ip_network("fd00:7::/32")))
    for address in ("10.20.0.0", "10.20.255.255", "::ffff:10.20.0.1", "fd00:7::9"):
        assert policy.refusal(address) is None
    for address in ("10.19.255.255", "10.21.0.0", "fd00:8::9", "192.168.0.1", "127.0.0.1"):
        assert policy.refusal(address) is not None


def test_loopback_opens_by_the_http_setting_alone() -> None:
    assert NetworkPolicy((ip_network("127.0.0.0/8"),)).refusal("127.0.0.1") == "loopback"
    assert LOOPBACK_TOO.refusal("127.0.0.1") is None
    assert LOOPBACK_TOO.refusal("::ffff:127.0.0.1") is None
    assert LOOPBACK_TOO.refusal("10.0.0.1") == "private"


def addresses(*networks: str) -> st.SearchStrategy[IPv4Address]:
    """Any address of these networks."""
    return st.one_of(st.ip_addresses(network=IPv4Network(network)) for network in networks)


inner = addresses(
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16",
    "100.64.0.0/10", "0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4",
)  # fmt: skip


def wrapped(address: IPv4Address) -> list[IPv6Address]:
    """An IPv4 address in every IPv6 form that leads to it."""
    bits = int(address)
    return [
        IPv6Address(0xFFFF << 32 | bits),  # mapped
        IPv6Address(bits),  # compatible
        IPv6Address(int(IPv6Address("64:ff9b::")) | bits),  # NAT64
        IPv6Address(int(IPv6Address("2002::")) | bits << 80),  # 6to4
        IPv6Address(int(IPv6Address("2001::")) | bits ^ 0xFFFFFFFF),  # Teredo's client
        IPv6Address(int(IPv6Address("2001::")) | bits << 64),  # Teredo's server
    ]


@given(inner)
def test_an_inner_address_is_refused_bare_and_in_every_wrapping(address: IPv4Address) -> None:
    for form in (address, *wrapped(address)):
        assert PUBLIC_ONLY.refusal(str(form)) is not None


@given(addresses("127.0.0.0/8", "169.254.0.0/16", "10.0.0.0/8"))
def test_no_setting_opens_a_tunnel_to_an_inner_address(address: IPv4Address) -> None:
    for form in wrapped(address)[1:]:
        assert EVERYTHING.refusal(str(form)) is not None


# -- spellings


@st.composite
def spellings(draw: st.DrawFn) -> str:
    """An inner IPv4 address as the C library reads it, and as nobody writes it."""
    address = draw(inner)
    parts = draw(st.integers(1, 4))
    octets = list(address.packed)
    numbers = [*octets[: parts - 1], int.from_bytes(bytes(octets[parts - 1 :]), "big")]
    bases = draw(st.lists(st.sampled_from(["{}", "0{:o}", "0x{:x}"]), min_size=4, max_size=4))
    text = ".".join(base.format(one) for base, one in zip(bases, numbers, strict=False))
    if draw(st.booleans()):
        text = text.upper().replace("0X", draw(st.sampled_from(["0x", "0X"])))
    assert socket.inet_aton(text) == address.packed
    return text


@given(spellings())
def test_an_inner_address_is_refused_in_every_numeric_spelling(text: str) -> None:
    with pytest.raises(Problem) as refused:
        check_url(f"https://{text}/", PUBLIC_ONLY)
    assert refused.value.field == "url"
    assert refused.value.code == "invalid-field"


@pytest.mark.parametrize(
    "host",
    [
        *("2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0x7f000001", "127.0.0.01", "1.2.3.4.5"),
        *(
            "8.8.2056",
            "134744072",
            "256.1.1.1",
            "a.1",
            "a.0x7f",
            "[8.8.8.8]",
            "[::1",
            "[fe80::1::]",
        ),
    ],
)
def test_a_host_of_digits_must_be_four_decimal_numbers(host: str) -> None:
    with pytest.raises(Problem, match=r"IPv4 address of four decimal numbers|must name a host"):
        check_url(f"https://{host}", EVERYTHING)


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("", "plain ASCII"),
        ("https://jira.example.com/" + "a" * 1024, "1 to 1024"),
        (" https://jira.example.com", "without spaces"),
        ("https://jira.example.com\n", "without spaces"),
        ("https://jira.exam\tple.com", "control characters"),
        ("https://jira.example.com\x00", "control characters"),
        ("https://jira.example.com\\@evil.example", "backslashes"),
        ("https:\\\\jira.example.com", "backslashes"),
        ("https://jira。example。com", "xn-- form"),
        ("https://①②⑦.0.0.1", "xn-- form"),
        ("https://\uff4aira.example.com", "xn-- form"),
        ("https://jira.example.com\u2044.evil.example", "xn-- form"),
        ("https://faß.example", "xn-- form"),
        ("https://jira\u00ad.example.com", "xn-- form"),
        ("ftp://jira.example.com", "https://"),
        ("jira.example.com", "https://"),
        ("//jira.example.com", "https://"),
        ("https:/jira.example.com", "https://"),
        ("javascript:alert(1)", "https://"),
        ("http://jira.example.com", "must be https"),
        ("http://10.0.0.1", "private"),
        ("https://user@jira.example.com", "no user or password"),
        ("https://user:secret@jira.example.com", "no user or password"),
        ("https://:@jira.example.com", "no user or password"),
        ("https://jira.example.com:443@evil.example", "no user or password"),
        ("https://jira.example.com?a=b", "no query"),
        ("https://jira.example.com/?", "no query"),
        ("https://jira.example.com#a", "no fragment"),
        ("https://evil.example#@jira.example.com", "no fragment"),
        ("https://jira.example.com/a/../b", "path"),
        ("https://jira.example.com/./a", "path"),
        ("https://jira.example.com/%2e%2e/a", "path"),
        ("https://jira.example.com//a", "path"),
        ("https://jira.example.com/a;b", "path"),
        ("https://jira.example.com/@a", "path"),
        ("https://", "name a host"),
        ("https:///a", "name a host"),
        ("https://:443", "name a host"),
        ("https://jira.example.com:", "name a host"),
        ("https://jira.example.com:4 4", "without spaces"),
        ("https://jira.example.com:+443", "name a host"),
        ("https://jira.example.com:443:443", "name a host"),
        ("https://jira%2eexample.com", "name a host"),
        ("https://jira_1.example.com", "name a host"),
        ("https://[fe80::1%25eth0]", "name a host"),
        ("https://jira.example.com.", "single dots"),
        ("https://jira..example.com", "single dots"),
        ("https://-jira.example.com", "single dots"),
        ("https://" + "a" * 64 + ".example.com", "single dots"),
        ("https://" + "a." * 127 + "com", "single dots"),
        ("https://jira.example.com:0", "port"),
        ("https://jira.example.com:22", "port"),
        ("https://jira.example.com:80", "port"),
        ("https://jira.example.com:65536", "port"),
        ("https://localhost", "this machine itself"),
        ("https://jira.localhost:8443", "this machine itself"),
        ("https://127.0.0.1", "loopback"),
        ("https://[::1]", "loopback"),
        ("https://[::ffff:127.0.0.1]", "loopback"),
        ("https://[::ffff:10.0.0.1]", "private"),
        ("https://[64:ff9b::10.0.0.1]", "private"),
        ("https://10.0.0.1", "TANDEM_ALLOWED_NETWORKS"),
        ("https://169.254.169.254", "metadata"),
    ],
)
def test_a_refused_url_is_told_its_rule_and_the_cure(url: str, rule: str) -> None:
    with pytest.raises(Problem) as refused:
        check_url(url, PUBLIC_ONLY)
    assert rule in refused.value.detail
    assert refused.value.detail.startswith("url: ")
    assert refused.value.detail.count(".") >= 2  # a rule, and a cure
    assert (refused.value.status, refused.value.code, refused.value.field) == (
        *(400, "invalid-field"),
        "url",
    )
    assert "secret" not in refused.value.detail


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://jira.example.com", "https://jira.example.com"),
        ("https://jira.example.com/", "https://jira.example.com"),
        ("HTTPS://Jira.Example.COM:443/Jira/", "https://jira.example.com/Jira"),
        ("https://jira.example.com:0443", "https://jira.example.com"),
        (
            "https://jira.example.com:8443/a/b-c_d.e~f///",
            "https://jira.example.com:8443/a/b-c_d.e~f",
        ),
        ("https://xn--mller-kva.example", "https://xn--mller-kva.example"),
        ("https://jira", "https://jira"),
        ("https://8.8.8.8", "https://8.8.8.8"),
        ("https://[2606:4700:0::1]:8443", "https://[2606:4700::1]:8443"),
    ],
)
def test_a_good_url_comes_back_in_its_one_spelling(url: str, base: str) -> None:
    assert check_url(url, PUBLIC_ONLY) == base
    assert check_url(base, PUBLIC_ONLY) == base


def test_http_is_for_loopback_hosts_alone_and_only_when_allowed() -> None:
    for url in ("http://localhost:8701", "http://127.0.0.1:8701", "http://[::1]:8701"):
        assert check_url(url, LOOPBACK_TOO) == url
        with pytest.raises(Problem):
            check_url(url, PUBLIC_ONLY)
    with pytest.raises(Problem, match="must be https"):
        check_url("http://jira.example.com", LOOPBACK_TOO)
    with pytest.raises(Problem, match="must be https"):
        check_url("http://10.0.0.1", EVERYTHING)


PIECES = ["https://", "a.example", "127.0.0.1", "[::1]", "8.8.8.8", "@", ":", "/", "\\"]
PIECES += [
    "?",
    "#",
    ".",
    "%2e",
    "%00",
    "443",
    "8443",
    "é",
    "。",
    " ",
    "\t",
    "xn--",
    "-",
    "0x7f",
    "//",
]


@given(st.lists(st.sampled_from(PIECES), max_size=9).map("".join))
def test_every_parser_finds_the_same_host_in_a_url_that_was_taken(text: str) -> None:
    try:
        base = check_url("https://" + text, EVERYTHING)
    except Problem:
        return
    host = urlsplit(base).hostname
    sent = requests.Request("GET", base + "/rest/api").prepare().url
    assert sent == base + "/rest/api"
    assert (parse_url(base).host or "").strip("[]") == host
    assert urlsplit("https://" + text).hostname == host

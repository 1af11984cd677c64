"""Where Tandem may call: which addresses, and which URLs that a user gave."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NoReturn

from app.errors import Problem
from app.said import Said, said, together
from app.settings import Settings, is_loopback_host

METADATA = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",  # AWS, Azure, Google, Oracle and most others
            "fd00:ec2::254",
            "169.254.170.2",  # credentials of containers
            "169.254.170.23",
            "fd00:ec2::23",
            "fd20:ce::254",  # Google over IPv6
            "100.100.100.200",  # Alibaba
            "168.63.129.16",  # Azure's host; it lies in public space
            "192.0.0.192",  # Oracle, older machines
            "fd00:42::42",  # Scaleway
        ),
    )
)
NAT64 = IPv6Network("64:ff9b::/96")
LOOPBACK = "loopback"
# The first row that holds an address decides. Only the second kind opens by an allowed network.
# Reference: https://www.iana.org/assignments/iana-ipv4-special-registry/
# Reference: https://www.iana.org/assignments/iana-ipv6-special-registry/
SHUT = {
    LOOPBACK: "127.0.0.0/8 ::1/128",
    "unspecified": "0.0.0.0/8 ::/128",
    "link-local": "169.254.0.0/16 fe80::/10",
    "multicast": "224.0.0.0/4 ff00::/8",
    "tunnel": "192.88.99.0/24 2002::/16 2001::/32",
    "reserved": "240.0.0.0/4",
}
OPENABLE = {
    "private": "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7",
    "shared": "100.64.0.0/10",
    "special": "192.0.0.0/24 192.31.196.0/24 192.52.193.0/24 192.175.48.0/24 198.18.0.0/15"
    " 2001::/23 2620:4f:8000::/48",
    "documentation": "192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 2001:db8::/32 3fff::/20",
}
KINDS = [
    (ip_network(network), kind)
    for kind, networks in (SHUT | OPENABLE).items()
    for network in networks.split()
]
KIND_WORDS = (
    said("loopback"),
    said("unspecified"),
    said("link-local"),
    said("multicast"),
    said("tunnel"),
    said("reserved"),
    said("private"),
    said("shared"),
    said("special"),
    said("documentation"),
    said("metadata"),
)
"""The kinds of addresses, as they are told."""
PUBLIC_V6 = IPv6Network("2000::/3")


def _kind(address: IPv4Address | IPv6Address) -> str | None:
    """What an address is, where it is not a public one."""
    if address in METADATA:
        return "metadata"
    for network, kind in KINDS:
        if address in network:
            return kind
    # What nobody has been given yet is no place to call either.
    return "reserved" if address.version == 6 and address not in PUBLIC_V6 else None


@dataclass(frozen=True)
class NetworkPolicy:
    """Where Tandem may call to, beside public addresses over https."""

    allowed_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    insecure_http: bool = False

    @classmethod
    def of(cls, settings: Settings) -> NetworkPolicy:
        """The policy that the settings ask for."""
        return cls(settings.allowed_networks, settings.insecure_http)

    def refusal(self, text: str) -> str | None:
        """The kind of this address where it must not be called, None where it may be."""
        address: IPv4Address | IPv6Address = ip_address(text.partition("%")[0])
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        if address in NAT64:
            return _kind(IPv4Address(int(address) & 0xFFFFFFFF))
        kind = _kind(address)
        if kind == LOOPBACK and self.insecure_http:
            return None
        if kind in OPENABLE and any(address in network for network in self.allowed_networks):
            return None
        return kind


def cure(kind: str) -> str:
    """What helps where an address of this kind was refused."""
    if kind in OPENABLE:
        return said("Whoever runs Tandem can allow its network with TANDEM_ALLOWED_NETWORKS.")
    return said("Give a name that leads to public addresses.")


# -- the URL that a user gave

HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::(?P<port>[0-9]{1,5}))?")
LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # as a last label, it makes a host a number to some
PATH = re.compile(r"(?:/(?!\.+(?:/|\Z))[A-Za-z0-9._~-]+)*")
FORM = said("Write it like https://jira.example.com, or https://jira.example.com/jira.")


def _refuse(rule: str, remedy: str = FORM) -> NoReturn:
    raise Problem(together(["url:", rule, remedy]), code="invalid-field", field="url")


def check_url(url: str, policy: NetworkPolicy) -> str:
    """The base URL that a user gave, in its one spelling, without a slash at the end.

    Raises Problem that names the rule and the cure. A name is not looked up here: what it leads to
    is checked when the socket opens.
    """
    if not re.fullmatch(r"[\x21-\x5b\x5d-\x7e]{1,1024}", url):
        _refuse(
            said(
                "must be 1 to 1024 plain ASCII characters without spaces, control characters or "
                "backslashes."
            ),
            said("A name with other letters is written in its xn-- form."),
        )
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    if scheme not in {"https", "http"}:
        _refuse(said("must begin with https://."))
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in authority:
        _refuse(said("must hold no user or password."), said("Give them in their own fields."))
    if "?" in rest or "#" in rest:
        _refuse(said("must hold no query (?) and no fragment (#)."))
    path = rest[len(authority) :].rstrip("/")
    if not PATH.fullmatch(path):
        _refuse(said("the path may hold letters, digits, dots, dashes and underscores alone."))
    found = HOST.fullmatch(authority)
    if not found:
        _refuse(said("must name a host, and after a colon a port if there is one."))
    host = _host(found["host"].lower(), policy)
    if scheme == "http" and not (policy.insecure_http and is_loopback_host(host.strip("[]"))):
        _refuse(said("must be https."))
    return f"{scheme}://{host}{_port(found['port'], scheme)}{path}"


def _host(host: str, policy: NetworkPolicy) -> str:
    """The host in its one spelling. Raises Problem."""
    labels = host.split(".")
    try:
        if host.startswith("["):
            literal: IPv4Address | IPv6Address | None = IPv6Address(host[1:-1])
        else:
            literal = IPv4Address(host) if NUMBER.fullmatch(labels[-1]) else None
    except ValueError:
        _refuse(
            said(
                "a host of numbers must be an IPv4 address of four decimal numbers (like "
                "192.0.2.7), or an IPv6 address in brackets."
            ),
            said("Other spellings mean different machines to different programs."),
        )
    if literal is None:
        if len(host) > 253 or not all(LABEL.fullmatch(label) for label in labels):
            _refuse(
                said(
                    "the host must be a name of letters, digits and dashes, parted by single dots."
                )
            )
        if labels[-1] == "localhost" and not policy.insecure_http:
            _refuse(said("the host is this machine itself."))
        return host
    kind = policy.refusal(str(literal))
    if kind is not None:
        _refuse(
            said("the host is a %(kind)s address, which is not called.", kind=Said(kind)),
            cure(kind),
        )
    return str(literal) if literal.version == 4 else f"[{literal}]"


def _port(text: str | None, scheme: str) -> str:
    """The port as it follows the host; nothing for the usual one. Raises Problem."""
    usual = 443 if scheme == "https" else 80
    port = usual if text is None else int(text)
    # Below 1024 live the services that are not Jira; nobody shall knock there through us.
    if port != usual and not 1024 <= port <= 65535:
        _refuse(said("the port must be %(usual)s, or one from 1024 to 65535.", usual=usual))
    return "" if port == usual else f":{port}"

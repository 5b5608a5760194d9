"""The IP addresses to which callers may make the service connect."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

# The IANA special-purpose registries (RFC 6890 and what was registered since), multicast, and one public address that
# answers from inside a cloud's virtual machines. `ipaddress.is_global` depends on the version of Python.
SPECIAL_IPV4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared address space of carriers
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's platform services
        "169.254.0.0/16",  # link local, metadata services
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # IETF protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # automatic multicast tunneling
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, limited broadcast
    )
)
# All other global unicast is outside of use, and so are loopback, unique local, link local, multicast, IPv4-mapped
# addresses and NAT64's prefixes.
GLOBAL_IPV6 = IPv6Network("2000::/3")
SPECIAL_IPV6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # IETF protocol assignments: Teredo, benchmarking, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)


def is_public(address: IPAddress) -> bool:
    """Return whether ``address`` is a unicast address of the public internet, by none of IANA's special registries."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in SPECIAL_IPV4)
    return address in GLOBAL_IPV6 and not any(address in network for network in SPECIAL_IPV6)


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Where a caller may send the service: to public addresses over https, and where the operator allows more.

    ``allowed_networks`` are allowed beside public addresses. ``allow_http``: addresses without TLS, too.
    """

    allowed_networks: tuple[IPNetwork, ...] = ()
    allow_http: bool = False

    @classmethod
    def of(cls, networks: Sequence[str], allow_http: bool = False) -> Self:
        """Return the policy that also allows ``networks``. Raise `ValueError` for one that is not in CIDR notation."""
        return cls(tuple(ip_network(network) for network in networks), allow_http)

    def permits(self, address: str) -> bool:
        """Return whether ``address``, as a resolver spells it, may be connected to."""
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return is_public(parsed) or any(parsed in network for network in self.allowed_networks)

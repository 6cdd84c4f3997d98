"""What the connections of a worker may do."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network


@dataclass(frozen=True)
class Limits:
    """Limits of a worker's connections. ``proxies``: addresses and networks that speak for many clients.

    ``answer_timeout_s``: for reading an answer, and for sending the rest of a body that nobody reads.
    """

    head_timeout_s: float = 5.0
    head_max_bytes: int = 32_768
    connections_max: int = 512
    connections_per_address_max: int = 256
    answer_timeout_s: float = 15.0
    proxies: tuple[str, ...] = ()

    def speaks_for_many(self, address: str) -> bool:
        """Whether an address is a proxy's, on which the limit for one address makes no sense."""
        return bool(self.proxies) and any(ip_address(address) in ip_network(proxy) for proxy in self.proxies)

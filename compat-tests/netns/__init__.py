"""VRRP and BFD routers in network namespaces: ours, the reference, and one of each on one wire."""

//! rtnetlink, raw VRRP sockets, gratuitous ARP.

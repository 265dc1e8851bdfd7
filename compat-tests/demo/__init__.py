"""`make demo`: two load balancers, two web servers and a client in network namespaces."""

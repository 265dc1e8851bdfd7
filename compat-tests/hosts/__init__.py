"""The article on four booted Debian hosts: what a reader of it does by hand, as assertions."""

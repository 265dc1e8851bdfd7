"""The two packages on Debian 12 and 13: installed over the stock ones, upgraded, removed, purged."""

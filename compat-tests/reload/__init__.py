"""Ten reloads under load: how many requests are lost, ours beside the reference."""

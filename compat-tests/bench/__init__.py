"""What a request costs: ours beside both references, in alternating rounds."""

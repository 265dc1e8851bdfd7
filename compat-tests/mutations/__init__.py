"""Random requests and responses: whatever the client and the origin send, ours does what the reference does."""

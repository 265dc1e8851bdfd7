"""Random configurations of keepalived: whatever the file says, ours says of it what the reference does."""

#!/bin/sh
# There is no systemd in a namespace: ask the process itself.
kill -0 "$(cat @directory@/haproxy.pid)"

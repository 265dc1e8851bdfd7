"""The scenarios of the bench: a configuration, a path, and how the client behaves."""

from collections import namedtuple

Scenario = namedtuple("Scenario", "name config path close connections shared", defaults=(False,))
"""`path` is asked on so many `connections`, which close after each answer with `close`. `shared`: the
subject and the load may use both CPUs."""

HEAD = """global
    nbthread 1
    maxconn 6000
    stats socket @dir@/admin.sock mode 600 level admin

defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
"""

FRONT = """
frontend f
    bind 127.0.0.1:@port@ backlog 10000
    default_backend b
"""

BACK = """
backend b
    server s @origin@
"""

RULES = """
frontend f
    bind 127.0.0.1:@port@ backlog 10000
    log @dir@/log.sock local0
    option httplog
    option forwardfor
    acl is_api path_beg /api
    acl is_static path_end .png .jpg .css
    acl is_admin hdr(host) -i admin.example.org
    http-request set-header x-forwarded-proto http
    http-request set-header x-client-kind admin if is_admin
    http-request del-header x-secret
    http-request deny if is_admin is_api
    http-response set-header x-frame-options DENY
    http-response add-header x-served-by bench
    http-response del-header server
    use_backend b if is_static
    default_backend b
"""

KEYS = 100_000
"""Keys of the map; @map@ in a configuration is its file."""

MAP = """
frontend f
    bind 127.0.0.1:@port@ backlog 10000
    use_backend %[path,map_beg(@map@,b)]
    default_backend b
"""

TRACK = """
frontend f
    bind 127.0.0.1:@port@ backlog 10000
    stick-table type ip size 1m expire 10m store http_req_rate(10s)
    http-request track-sc0 src
    http-request deny if { sc_http_req_rate(0) gt 100000000 }
    default_backend b
"""

SPLICE = FRONT + "    option splice-response\n"
TWO_THREADS = HEAD.replace("nbthread 1", "nbthread 2")
CLOSE_SERVER = FRONT + "    option http-server-close\n"
TCP = "\nfrontend f\n    mode tcp\n    bind 127.0.0.1:@port@ backlog 10000\n    default_backend b\n\nbackend b\n    mode tcp\n    server s @origin@\n"

SCENARIOS = [
    Scenario("h1-keepalive", HEAD + FRONT + BACK, "/", False, 50),
    Scenario("h1-16k", HEAD + FRONT + BACK, "/16k", False, 50),
    Scenario("h1-1MiB", HEAD + FRONT + BACK, "/1m", False, 20),
    Scenario("h1-1MiB-splice", HEAD + SPLICE + BACK, "/1m", False, 20),
    Scenario("h1-close", HEAD + FRONT + BACK, "/", True, 50),
    Scenario("h1-server-close", HEAD + CLOSE_SERVER + BACK, "/", False, 50),
    Scenario("h1-rules-log", HEAD + RULES + BACK, "/", False, 50),
    Scenario("tcp-mode", HEAD + TCP, "/", False, 50),
    Scenario("map-100k", HEAD + MAP + BACK, "/k99999/x", False, 50),
    Scenario("stick-table", HEAD + TRACK + BACK, "/", False, 50),
    Scenario("nbthread-2", TWO_THREADS + FRONT + BACK, "/", False, 50, True),
]

IDLE_CONNECTIONS = 5000
IDLE = Scenario("idle", HEAD + FRONT + BACK, "/", False, IDLE_CONNECTIONS)

SLOW = Scenario("slow", HEAD + FRONT + BACK, "/1m", False, 1000)
SLOW_TCP = Scenario("slow-tcp", HEAD + TCP, "/1m", False, 1000)
"""Clients that ask and do not read."""

PACED = Scenario("paced", HEAD + FRONT + BACK, "/", False, 64)
"""Answers at a fixed rate: how long they take, and not what they cost."""

CHURN = Scenario("churn", HEAD + FRONT + BACK, "/", False, 2000)
"""So many connections at a time; each second some are closed and as many are opened."""
CHURN_RATE = 200

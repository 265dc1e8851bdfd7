"""Where requests and responses come from: parts of messages, good and bad, put together by a seeded generator.

What is known to differ is not among the parts, and docs/compatibility.md says why: lengths over 2^64, statuses outside 100 to 999, an
interim response with garbage behind it, 101 (3.0.11 goes into an endless loop), upgrades to WebSocket in an answer that is no 101, and
CONNECT with a body.
"""

from collections import namedtuple

Case = namedtuple("Case", "request response")
"""`request` is a Message; `response` is the Message of the origin, or None for a good answer."""

Message = namedtuple("Message", "data cuts close")
"""Bytes, the offsets at which they are sent apart, and whether an origin closes after them."""

METHODS = ("POST", "HEAD", "PUT", "DELETE", "OPTIONS", "get", "G@T", "CONNECT", "TRACE", "PATCH", "A" * 30, "G T")
TARGETS = ("/a?b=c", "*", "http://h/x", "http://h", "h:80", "/a b", "/%zz", "/a#b", "/\x80", "//x", "http://u@h/", "https://h:443/", "/\\", "",
           "/..;/", "http://[::1]/a", "http://h:99999/", "h", "http://H")
VERSIONS = ("HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "http/1.1", "HTTP/1.", "HTTP/1.1 ", "HTTP/11", "HTTP/0.9", "", "HTTP/1.10")
LENGTHS = ("3", "0", "+3", "3, 3", "3,4", "3\r\nContent-Length: 3", " 3 ", "03", "0x3", "", "-1", "3,")
CODINGS = ("chunked", "Chunked", "gzip, chunked", "chunked, gzip", "identity", "chunked, chunked", "chunked\r\nTransfer-Encoding: chunked", "", ",",
           ", chunked", "chunked,", "gzip,, chunked", "x\r\n chunked", "\tchunked", "\"chunked\"", "chunked;q=1")
SHARED = ("Connection: close", "Connection: keep-alive", "Connection: keep-alive, close", "Connection: upgrade", "Connection: x, Foo",
          "Connection: Content-Length", "Upgrade: h2c", "Foo: bar", "Foo:bar", "Foo : bar", "Foo", "Foo: a\r\n b", ": x",
          "Foo: \x00", "Foo: \x01", "Foo: \x7f\x80", "F(o: x", "F@o: x", "F\x00o: x", "Foo: a\rb", "Foo: a\nBar: c", "Keep-Alive: 5", "Proxy-Connection: close",
          "Trailer: foo", "Content-Type: a", "TE: trailers", *(f"Content-Length: {each}" for each in LENGTHS),
          *(f"Transfer-Encoding: {each}" for each in CODINGS), "Transfer-Encoding : chunked", "Content-Length : 3")
OF_REQUESTS = (*SHARED, "Host: h", "Host: h:80", "host: H", "Host:", "Host: a\r\nHost: b", "Host : h", "Host: h/x", "Host: h h", "Host: [::1]",
               "Connection: host", "Upgrade: websocket", "Expect: 100-continue", "Expect: foo", "Cookie: a=b; c=d", "TE: trailers, deflate", "Te: x",
               "X-Forwarded-For: 1.1.1.1", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
OF_RESPONSES = (*SHARED, "Set-Cookie: a=b", "Set-Cookie: s=x; path=/", "Date: x", "Location: /x", "Host: h", "Sec-WebSocket-Accept: x",
                "Keep-Alive: timeout=5", "Upgrade: x")
OF_RELAXED_RESPONSES = tuple(each for each in OF_RESPONSES if not each.startswith("Transfer-Encoding:"))
"""What a relaxed parser takes for a coding is in the unit tests of http1: the reference counts its bytes before they are normalised."""

BODIES = ("abc", "abcdef", "3\r\nabc\r\n0\r\n\r\n", "3;x=y\r\nabc\r\n0\r\n\r\n", "3\nabc\n0\n\n", "3 \r\nabc\r\n0\r\n\r\n", "0\r\n\r\n",
          "0\r\nfoo: bar\r\n\r\n", "g\r\nabc", "3\r\nabcd\r\n0\r\n\r\n", "-3\r\nabc\r\n", "0x3\r\nabc\r\n0\r\n\r\n", "3\r\nabc\r\n0\r\nfoo\r\n\r\n",
          "ffffffffff\r\nabc", "3\r\nabc0\r\n\r\n", "00003\r\nabc\r\n000\r\n\r\n", "3;\r\nabc\r\n0;a\r\n\r\n", "3;a=\"\r\nabc\r\n0\r\n\r\n",
          "3;\n\r\nabc\r\n0\r\n\r\n", "3\r\nabc\r\n")
REQUEST_BEHIND = "GET /z HTTP/1.1\r\nHost: z\r\n\r\n"
STATUSES = ("200", "204 No Content", "304 Not Modified", "206 Partial Content", "302 Found", "404 Not Found", "500 x", "503 ", "999 x", "2x0 x",
            "200  OK", "418 \x80tea", "205 Reset Content")
ASKING = ("GET / HTTP/1.1\r\nHost: h\r\n", "GET / HTTP/1.1\r\nHost: h\r\n", "HEAD / HTTP/1.1\r\nHost: h\r\n",
          "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n", "GET / HTTP/1.0\r\n", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n",
          "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n", "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n")


def request_case(dice, name):
    """A request put together at random; its origin answers well."""
    end = line_end(dice)
    method = rarely(dice, 0.35, METHODS, "GET")
    target = rarely(dice, 0.35, TARGETS, "/")
    version = rarely(dice, 0.3, VERSIONS, "HTTP/1.1")
    blank = rarely(dice, 0.1, ("  ", "\t", ""), " ")
    fields = [f"X-Id: {name}", *dice.choices(OF_REQUESTS, k=dice.choice((0, 1, 1, 2, 2, 3, 4)))]
    if method == "CONNECT":
        fields = [field for field in fields if not field.startswith(("Content-Length", "Transfer-Encoding"))]
    if dice.random() < 0.75:
        fields.append("Host: h")
    dice.shuffle(fields)
    lead = rarely(dice, 0.15, ("\r\n", "\n", "\r\n\r\n", " "), "")
    body = rarely(dice, 0.7, BODIES, "") + rarely(dice, 0.1, (REQUEST_BEHIND,), "")
    line = f"{method}{blank}{target}{blank if version else ''}{version}"
    return Case(message(dice, lead + line + end + end.join(fields) + end + end + body), None)


def relaxed_response_case(dice, name):
    return response_case(dice, name, OF_RELAXED_RESPONSES)


def response_case(dice, name, choices=OF_RESPONSES):
    """A good request, and an answer put together at random."""
    end = line_end(dice)
    asking = dice.choice(ASKING)
    request = asking + f"X-Id: {name}\r\n\r\n" + ("abc" if asking.startswith("POST") else "")
    version = rarely(dice, 0.2, (*VERSIONS, "ICY"), "HTTP/1.1")
    blank = rarely(dice, 0.1, ("  ", "\t", ""), " ")
    fields = dice.choices(choices, k=dice.choice((0, 1, 1, 2, 2, 3)))
    lead = rarely(dice, 0.1, ("\r\n", " "), "")
    head = lead + version + blank + rarely(dice, 0.4, STATUSES, "200 OK") + end + "".join(field + end for field in fields) + end
    return Case(Message(request.encode(), (), False), message(dice, head + rarely(dice, 0.8, BODIES, ""), dice.random() < 0.7))


def message(dice, text, close=False):
    data = text.encode("latin1")
    cuts = dice.sample(range(1, len(data)), min(len(data) - 1, dice.choice((0, 0, 1, 2))))
    return Message(data, tuple(sorted(cuts)), close)


def line_end(dice):
    return rarely(dice, 0.12, ("\n", "\r"), "\r\n")


def rarely(dice, chance, choices, usual):
    return dice.choice(choices) if dice.random() < chance else usual

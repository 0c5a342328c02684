#!/usr/bin/python3
"""What programs do that authenticate with Kerberos and then protect nothing: one session, one JSON line. See README.md."""

import argparse
import json

from rfc1961.client import Job, Refused, established
from rfc1961.framing import ENCAPSULATED, PROTECTION_LEVEL, frame
from rfc1961 import socks
from rfc1961.wire import Deadline


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--target", required=True, help="HOST:PORT of a web server")
    parser.add_argument("--level", default="0", help="a number, or `none` for no level message at all")
    parser.add_argument("--clear", action="store_true", help="the level octet in clear")
    options = parser.parse_args()
    deadline = Deadline(30)
    # Those that protect nothing do not ask for INTEG; one that sends its level in clear protects what follows.
    protecting = {"integ", "conf"} if options.clear else set()
    job = Job(server=options.server, flags=frozenset({"mutual", "replay"} | protecting))
    wire = job.connect()
    result = {}
    try:
        _, protection = established(wire, job, deadline)
        if options.level != "none":
            octet = bytes([int(options.level)])
            wire.send(frame(PROTECTION_LEVEL, octet if options.clear else protection.wrap(octet, sealed=False)))
            token = wire.message(deadline)
            if token.type != PROTECTION_LEVEL:
                raise Refused(f"message type {token.type:#04x}")
            result["answer"] = (token.token if options.clear else protection.unwrap(token.token)[0]).hex()
        host, _, port = options.target.rpartition(":")
        request = bytes([socks.VERSION, socks.CONNECT, 0]) + socks.Endpoint(host, int(port)).encoded()
        get = b"GET /small HTTP/1.0\r\n\r\n"
        if result.get("answer") in (None, "00"):
            wire.send(request)
            result["reply"] = wire.exactly(10, deadline)[:2].hex()
            wire.send(get)
            octets, _ = wire.to_the_end(deadline)
            result["status"] = octets.split(b"\r\n")[0].decode()
        else:
            wire.send(frame(ENCAPSULATED, protection.wrap(request, sealed=True)))
            result["reply"] = protection.unwrap(wire.message(deadline).token)[0][:2].hex()
    except Exception as error:  # a refusal is a result
        result["refused"] = f"{type(error).__name__}: {error}"
    wire.close()
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()

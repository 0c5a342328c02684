#!/usr/bin/python3
"""A target for CONNECT, and for datagrams. Prints {"listening": PORT}, then one JSON line for each connection. See README.md."""

import argparse
import json
import sys
import threading

from rfc1961.datagram_origins import DatagramOrigin
from rfc1961.origins import MODES, Origin


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mode", choices=(*MODES, "datagrams"))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--octets", type=int, default=0, help="how many octets source and duplex send")
    parser.add_argument("--seed", default="down")
    parser.add_argument("--idle", type=float, default=300)
    parser.add_argument("--file", help="where what was received is written (with --once)")
    parser.add_argument("--once", action="store_true", help="exit after the first connection")
    options = parser.parse_args()
    if options.mode == "datagrams":
        target = DatagramOrigin(options.host, options.port)
        print(json.dumps({"listening": target.port}), flush=True)
        target.join()
        return 0
    origin = Origin(options.host, options.port, options.mode, options.octets, options.seed, options.idle)
    print(json.dumps({"listening": origin.port}), flush=True)
    while True:
        file = open(options.file, "wb") if options.file else None
        connection = origin.connection(file=file)
        if options.once:
            _report(connection, file)
            return 0
        threading.Thread(target=_report, args=(connection, file), daemon=True).start()


def _report(connection, file) -> None:
    connection.join()
    connection.close()
    if file:
        file.close()
    print(json.dumps(connection.report()), flush=True)


if __name__ == "__main__":
    sys.exit(main())

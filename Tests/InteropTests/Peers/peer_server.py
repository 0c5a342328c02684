#!/usr/bin/python3
"""An independent RFC 1961 server for tests. Prints {"listening": PORT}, then one JSON line for each session.
With --control, JSON lines on standard input change the policy of later connections, and its end stops the server.
See README.md."""

import argparse
import dataclasses
import json
import socket
import sys
import threading

from rfc1961.context import Acceptor
from rfc1961.server import Policy, Session, bind_fault_names, datagram_fault_names, fault_names
from rfc1961.wire import Wire

_output = threading.Lock()


def main() -> int:
    options = _parser().parse_args()
    if options.list:
        print(json.dumps({"connect": fault_names, "bind": bind_fault_names, "associate": datagram_fault_names}
                         [options.list]()))
        return 0
    if not options.keytab:
        print("--keytab is needed", file=sys.stderr)
        return 2
    credentials = Acceptor.credentials(options.keytab, options.principal, options.spnego, options.rcache)
    fields = {field.name: getattr(options, field.name) for field in dataclasses.fields(Policy)
              if getattr(options, field.name) is not None}
    server = Server(options.host, options.port, credentials, Policy(**fields), 5 if options.spnego else 1)
    _print({"listening": server.port})
    if not options.control:
        server.run()
        return 0
    threading.Thread(target=server.run, daemon=True).start()
    for line in sys.stdin:
        if line.strip():
            _print(server.change(line))
    return 0


class Server:
    """Accepts and gives each connection a thread and the policy of the moment."""

    def __init__(self, host: str, port: int, credentials, policy: Policy, rounds: int):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=128)
        self.port = self._listener.getsockname()[1]
        self._credentials = credentials
        self._rounds = rounds
        self._initial = self._policy = policy
        self._sessions = 0

    def run(self) -> None:
        while True:
            sock, peer = self._listener.accept()
            self._sessions += 1
            about = {"session": self._sessions, "client_port": peer[1]}
            threading.Thread(target=self._serve, args=(sock, about, self._policy), daemon=True).start()

    def change(self, line: str) -> dict:
        """Fields given replace those of the policy the server started with."""
        try:
            self._policy = Policy(**{**vars(self._initial), **json.loads(line)})
            return {"policy": "changed", "fault": self._policy.fault}
        except (ValueError, TypeError) as error:
            return {"policy": "unchanged", "error": str(error)}

    def _serve(self, sock: socket.socket, about: dict, policy: Policy) -> None:
        try:
            report = Session(Wire(sock), self._credentials, policy, self._rounds).run()
        except Exception as error:  # noqa: BLE001: a test must see what went wrong here
            report = {"error": f"{type(error).__name__}: {error}"}
        _print({**about, **report})


def _print(report: dict) -> None:
    with _output:
        print(json.dumps(report), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", nargs="?", const="connect", choices=("connect", "bind", "associate"),
                        help="print the names of faults: the common ones, BIND's second reply's, the datagrams'")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--keytab")
    parser.add_argument("--principal", help="serve this principal only (default: any key of the keytab)")
    parser.add_argument("--rcache", help="replay cache, such as dfl:/some/file or none:")
    parser.add_argument("--spnego", action="store_true")
    parser.add_argument("--control", action="store_true")
    for field in dataclasses.fields(Policy):
        option = "--" + field.name.replace("_", "-")
        if field.name in ("levels", "commands"):
            kind = lambda text: tuple(int(level) for level in text.split(","))  # noqa: E731
        elif field.name in ("required", "careless"):
            kind = lambda text: tuple(one for one in text.split(",") if one)  # noqa: E731
        elif isinstance(field.default, (int, float)):
            kind = type(field.default)
        else:
            kind = str if isinstance(field.default, str) else int
        parser.add_argument(option, type=kind, default=None)
    return parser


if __name__ == "__main__":
    sys.exit(main())

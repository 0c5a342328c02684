#!/usr/bin/python3
"""A forwarder between client and server that reads both directions as SOCKS5 and RFC 1961 messages, says whether any
octet went unwrapped after the agreement, and can alter one message. Prints {"listening": PORT}, then one JSON line for
each session. With --control, JSON lines on standard input arm a fault for later sessions. See README.md."""

import argparse
import json
import socket
import sys
import threading
import time

from rfc1961.framing import ENCAPSULATED, PROTECTION_LEVEL, FramingError, Message, MessageParser
from rfc1961.protection import ProtectionFailure, TokenHeader
from rfc1961.wire import Deadline, Ended, Wire

FAULTS = ("delete", "repeat", "repeat-later", "late", "swap", "flip", "truncate", "misdeclare", "fin", "reset",
          "clear", "type", "version", "zero-length", "octets")
_output = threading.Lock()


class Reader:
    """One direction, cut into the SOCKS5 preamble and RFC 1961 messages; keeps count of what is not wrapped."""

    def __init__(self, upward: bool, canaries: list[bytes]):
        self._upward = upward
        self._canaries = canaries
        self._tail = b""
        self._octets = b""
        self._parser: MessageParser | None = None
        self._broken = False
        self.agreed = False
        self.report = {"octets": 0, "preamble_hex": "", "messages": {}, "sealed": 0, "signed": 0, "unwrapped": 0,
                       "unwrapped_hex": "", "largest_token": 0, "canaries": 0, "first_tokens": []}

    def feed(self, octets: bytes) -> list[bytes]:
        """The octets as units to forward: whole messages, or whatever came once it can no longer be read."""
        self.report["octets"] += len(octets)
        searched = self._tail + octets
        self.report["canaries"] += sum(searched.count(one) for one in self._canaries)
        keep = max((len(one) for one in self._canaries), default=1) - 1
        self._tail = searched[len(searched) - keep :] if keep else b""
        if self._broken:
            self._note_clear(octets)
            return [octets]
        units = []
        if self._parser is None:
            self._octets += octets
            preamble = self._preamble()
            if preamble is None:
                return []
            units.append(self._octets[:preamble])
            self.report["preamble_hex"] = units[0].hex()
            self._parser, octets, self._octets = MessageParser(), self._octets[preamble:], b""
        self._parser.feed(octets)
        try:
            while (message := self._parser.next()) is not None:
                self._note(message)
                units.append(message.encoded())
        except FramingError:
            self._broken = True
            units.append(self._parser.remainder())
            self._note_clear(units[-1])
        return units

    def remainder(self) -> bytes:
        """What has come of a message that never became whole."""
        rest = self._octets if self._parser is None else b"" if self._broken else self._parser.remainder()
        self.report["incomplete"] = len(rest)
        return rest

    def _preamble(self) -> int | None:
        if len(self._octets) < 2:
            return None
        length = 2 + self._octets[1] if self._upward else 2
        return length if len(self._octets) >= length else None

    def _note(self, message: Message) -> None:
        counts = self.report["messages"]
        counts[str(message.type)] = counts.get(str(message.type), 0) + 1
        self.report["largest_token"] = max(self.report["largest_token"], len(message.token))
        if message.type == ENCAPSULATED:
            try:
                header = TokenHeader.decode(message.token)
            except ProtectionFailure:
                self._note_clear(message.encoded())
                return
            self.report["sealed" if header.sealed else "signed"] += 1
            if len(self.report["first_tokens"]) < 16:
                self.report["first_tokens"].append({"length": len(message.token), "sealed": header.sealed})
        elif self.agreed:
            self._note_clear(message.encoded())
        elif message.type == PROTECTION_LEVEL:
            self.agreed = True

    def _note_clear(self, octets: bytes) -> None:
        if self.agreed:
            self.report["unwrapped"] += len(octets)
            self.report["unwrapped_hex"] = (self.report["unwrapped_hex"] + octets[:64].hex())[:128]


class Fault:
    """Alters the `message`-th message of type `of_type` (counted from 1) of one direction, once per session."""

    def __init__(self, kind: str, direction: str = "up", message: int = 1, of_type: int = ENCAPSULATED, octet: int = 20,
                 bit: int = 0, at: int = 0, type: int = 1, version: int = 5, hex: str = "050100017f0000010001"):
        if kind not in FAULTS or direction not in ("up", "down"):
            raise ValueError(f"unknown fault {kind} {direction}")
        self.kind, self.direction, self.message, self.of_type = kind, direction, message, of_type
        self._octet, self._bit, self._at, self._type, self._version = octet, bit, at, type, version
        self._clear = bytes.fromhex(hex)

    def altered(self, unit: bytes) -> bytes:
        changed = bytearray(unit)
        if self.kind == "flip":
            changed[self._octet] ^= 1 << self._bit
        elif self.kind == "truncate":
            changed = unit[:2] + self._at.to_bytes(2, "big") + unit[4:][: self._at]
        elif self.kind == "misdeclare":
            changed[2:4] = self._at.to_bytes(2, "big")
        elif self.kind in ("fin", "reset"):
            changed = unit[: self._at]
        elif self.kind == "clear":
            changed = self._clear
        elif self.kind == "type":
            changed[1] = self._type
        elif self.kind == "version":
            changed[0] = self._version
        elif self.kind == "zero-length":
            changed = unit[:2] + b"\x00\x00"
        return bytes(changed)


class Editor:
    """Applies a fault to the units of one direction."""

    def __init__(self, fault: Fault | None):
        self._fault = fault
        self._seen = 0
        self._held: bytes | None = None
        self._followers = 0
        self.done_at: float | None = None
        self.ends: str | None = None

    def edit(self, unit: bytes) -> list[bytes]:
        """What is sent for this unit; `ends` tells whether the direction ends behind it."""
        fault = self._fault
        if fault is None or len(unit) < 2 or unit[0] != 1 or unit[1] != fault.of_type:
            return [unit]
        self._seen += 1
        if self._held is not None:
            return self._release(unit)
        if self._seen != fault.message:
            return [unit]
        self.done_at = time.monotonic()
        if fault.kind == "delete":
            return []
        if fault.kind == "repeat":
            return [unit, unit]
        if fault.kind in ("swap", "late", "repeat-later"):
            self._held, self._followers = unit, 1 if fault.kind == "swap" else 2
            return [unit] if fault.kind == "repeat-later" else []
        if fault.kind == "octets":
            return [unit[at : at + 1] for at in range(len(unit))]
        if fault.kind in ("fin", "reset"):
            self.ends = fault.kind
        return [fault.altered(unit)]

    def _release(self, unit: bytes) -> list[bytes]:
        self._followers -= 1
        if self._followers:
            return [unit]
        held, self._held, self._fault = self._held, None, None
        return [unit, held]


class Session:
    """One client connection and the one towards the server."""

    def __init__(self, client: Wire, server: Wire, fault: Fault | None, canaries: list[bytes], keep: str | None):
        self._wires = {"up": (client, server), "down": (server, client)}
        self._readers = {name: Reader(name == "up", canaries) for name in self._wires}
        self._editors = {name: Editor(fault if fault and fault.direction == name else None) for name in self._wires}
        self._ends: dict[str, str] = {}
        self._end_times: dict[str, float] = {}
        self._keep = keep
        self._reset = False

    def run(self) -> dict:
        threads = [threading.Thread(target=self._forward, args=(name,), daemon=True) for name in self._wires]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for wire in self._wires["up"]:
            if self._reset:
                wire.reset()
            else:
                wire.close()
        report = {name: {**reader.report, "end": self._ends.get(name)} for name, reader in self._readers.items()}
        agreed = all(reader.agreed for reader in self._readers.values())
        report["agreed"] = agreed
        report["unwrapped_after_agreement"] = sum(reader.report["unwrapped"] for reader in self._readers.values())
        done = [editor.done_at for editor in self._editors.values() if editor.done_at]
        report["fault_applied"] = bool(done)
        if done:
            report["ms_to_end"] = {name: round((at - done[0]) * 1000) for name, at in self._end_times.items()}
        return report

    def _forward(self, name: str) -> None:
        source, sink = self._wires[name]
        reader, editor = self._readers[name], self._editors[name]
        record = open(f"{self._keep}.{name}", "wb") if self._keep else None
        try:
            while editor.ends is None:
                octets = source.some(Deadline(600))
                if record:
                    record.write(octets)
                for unit in reader.feed(octets):
                    for piece in editor.edit(unit):
                        sink.send(piece)
                    if editor.ends:
                        break
            self._ends[name] = f"cut by fault: {editor.ends}"
            if editor.ends == "reset":
                self._reset_both()
        except Ended as end:
            self._ends[name] = end.how
            self._finish(reader, sink, end.how)
        except OSError as error:
            self._ends[name] = type(error).__name__
            self._reset_both()
        self._end_times[name] = time.monotonic()
        if not self._reset:
            sink.half_close()
        if record:
            record.close()

    def _finish(self, reader: Reader, sink: Wire, how: str) -> None:
        try:
            sink.send(reader.remainder())
        except OSError:
            pass
        if how == "rst":
            self._reset_both()

    def _reset_both(self) -> None:
        """Both connections end with RST once both directions have stopped."""
        self._reset = True
        for wire in self._wires["up"]:
            wire.stop_reading()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True, help="HOST:PORT of the SOCKS server")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--canary", action="append", default=[], help="hexadecimal octets that must not be seen")
    parser.add_argument("--record", help="files PREFIX.N.up and PREFIX.N.down get the octets as they came")
    parser.add_argument("--fault", help="JSON: kind, direction, message, of_type, octet, bit, at, type, version, hex")
    parser.add_argument("--control", action="store_true")
    options = parser.parse_args()
    tap = Tap(options)
    _print({"listening": tap.port})
    if not options.control:
        tap.run()
        return 0
    threading.Thread(target=tap.run, daemon=True).start()
    for line in sys.stdin:
        if line.strip():
            _print(tap.arm(line))
    return 0


class Tap:
    """Accepts clients and forwards each with the fault of the moment."""

    def __init__(self, options):
        self._listener = socket.create_server((options.host, options.port), backlog=128)
        self.port = self._listener.getsockname()[1]
        self._options = options
        self._canaries = [bytes.fromhex(one) for one in options.canary]
        self._fault = Fault(**json.loads(options.fault)) if options.fault else None

    def arm(self, line: str) -> dict:
        """A fault as JSON, or `null` for none."""
        try:
            fields = json.loads(line)
            self._fault = None if fields is None else Fault(**fields)
            return {"armed": fields}
        except (ValueError, TypeError) as error:
            return {"armed": None, "error": str(error)}

    def run(self) -> None:
        number = 0
        while True:
            sock, peer = self._listener.accept()
            number += 1
            about = {"session": number, "client_port": peer[1]}
            threading.Thread(target=self._serve, args=(sock, about, self._fault), daemon=True).start()

    def _serve(self, sock: socket.socket, about: dict, fault: Fault | None) -> None:
        host, _, port = self._options.server.rpartition(":")
        client = Wire(sock)
        try:
            server = Wire.connect(host.strip("[]"), int(port))
        except OSError as error:
            client.close()
            _print({**about, "error": type(error).__name__})
            return
        keep = f"{self._options.record}.{about['session']}" if self._options.record else None
        _print({**about, **Session(client, server, fault, self._canaries, keep).run()})


def _print(report: dict) -> None:
    with _output:
        print(json.dumps(report), flush=True)


if __name__ == "__main__":
    sys.exit(main())

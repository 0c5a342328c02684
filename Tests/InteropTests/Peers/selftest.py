#!/usr/bin/python3
"""The peers' own test, Python against Python on a throwaway realm. Exits with 1 when anything fails.

`--full` adds the transfer of 1 GiB both ways; `--only WORD` runs the groups whose name holds the word."""

import argparse
import json
import os
import queue
import subprocess
import sys
import threading
import time

FOLDER = os.path.dirname(os.path.abspath(__file__))
ANSWER_LIMIT = 60
ALL_LEVELS = (1, 2, 3)
GIB = 1 << 30


class Program:
    """A child that prints JSON lines and takes JSON lines on its standard input."""

    def __init__(self, name: str, *arguments: str):
        self._process = subprocess.Popen(
            [sys.executable, os.path.join(FOLDER, name), *arguments, "--control"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        self._lines: queue.Queue = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.address = f"127.0.0.1:{self.next()['listening']}"

    def _read(self) -> None:
        for line in self._process.stdout:
            self._lines.put(json.loads(line))

    def next(self) -> dict:
        """The next line, waited for."""
        return self._lines.get(timeout=ANSWER_LIMIT)

    def tell(self, fields) -> None:
        """One control line; waits until it has been taken up."""
        self._process.stdin.write(json.dumps(fields) + "\n")
        self._process.stdin.flush()
        while True:
            answer = self.next()
            if "policy" in answer or "armed" in answer:
                assert "error" not in answer, answer
                return

    def session(self, result: dict) -> dict:
        """The report of the session that gave a client this result."""
        while True:
            line = self.next()
            if line.get("client_port") == result["client_port"]:
                return line

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=10)


class Checks:
    """Counts and prints."""

    def __init__(self):
        self.passed = 0
        self.failed: list[str] = []

    def that(self, name: str, condition: bool, about=None) -> None:
        if condition:
            self.passed += 1
            return
        self.failed.append(name)
        print(f"FAILED {name}: {json.dumps(about)}", flush=True)


class SelfTest:
    def __init__(self, checks: Checks, realm, full: bool):
        from peer_client import run  # After the environment is set: the library reads it.

        self._run = run
        self._checks = checks
        self._full = full
        self._realm = realm
        keytab = realm.keytab
        self._server = Program("peer_server.py", "--keytab", keytab)
        self._spnego = Program("peer_server.py", "--keytab", keytab, "--spnego")
        self._tap = Program("wire_tap.py", "--server", self._server.address, "--canary", b"m1:aaaaaaaa".hex())

    def close(self) -> None:
        for program in (self._tap, self._server, self._spnego):
            program.close()

    def groups(self) -> dict:
        return {name.removeprefix("test_"): getattr(self, name) for name in dir(self) if name.startswith("test_")}

    def _transfer(self, **fields) -> dict:
        fields = {"server": self._server.address, **fields}
        return self._run({"mode": "transfer", **fields})

    def _hostile(self, scenario: str, **fields) -> dict:
        return self._run({"mode": "hostile", "server": self._server.address, "scenario": scenario, **fields})

    # --- Good sessions

    def test_transfers(self) -> None:
        sizes = (0, 1, 65475, 65476, 65536, 1 << 20)
        for level in ALL_LEVELS:
            for size in sizes:
                self._good(f"transfer {size} level {level}", level, up=size, down=size)
            for segment in ("split", "octets", "random", "coalesce"):
                self._server.tell({"segment": segment, "chunk": 5000})
                size = 3000 if segment == "octets" else 300000
                self._good(f"transfer {segment} level {level}", level, up=size, down=size, segment=segment, chunk=997)
            self._server.tell({})
            for own in ("ipv6", "name"):
                self._good(f"transfer {own} level {level}", level, own=own, up=10, down=10)
            for split in (2, 5, 10):
                self._good(f"request split over {split}, level {level}", level, request_split=split, up=10)
            self._good(f"early data level {level}", level, up=5000, early_data=100, early_tokens=3, chunk=500)
            self._good(f"early data alone level {level}", level, up=100, early_data=100)
            self._good(f"split and early level {level}", level, up=9000, early_data=7, early_tokens=2, chunk=100,
                       request_split=4, segment="octets")
            self._good(f"900 empty tokens level {level}", level, up=100, empty_tokens=900)

    def _good(self, name: str, level: int, **fields) -> dict:
        result = self._transfer(level=level, **fields)
        sealed = {1: ("none",), 2: ("all",), 3: ("mixed", "all")}[level]
        self._checks.that(name, result["ok"] and result["level"] == level and result["sent"]["consecutive"]
                          and result["received"]["consecutive"] and result["sent"]["sealed"] in sealed
                          and result["received"]["sealed"] in sealed, result)
        return result

    def test_gibibyte(self) -> None:
        if self._full:
            for level in (1, 2, 3):
                result = self._good(f"1 GiB both ways, level {level}", level, up=GIB, down=GIB, seconds=600)
                print(f"1 GiB both ways, level {level}: {result['ms']} ms", flush=True)

    def test_contexts(self) -> None:
        self._good("without the sequence flag", 2, flags=["mutual", "replay", "integ", "conf"])
        result = self._transfer(server=self._spnego.address, mechanism="spnego")
        self._checks.that("spnego", result["ok"], result)
        result = self._transfer(principal="rcmd/localhost@PEER.TEST", service="")
        self._checks.that("by principal", result["ok"] and result["server"].startswith("rcmd/"), result)
        # A context without mutual authentication has no last token: the server sends one of zero length.
        self._server.tell({"required": ["replay", "integ"]})
        self._good("not mutual", 2, flags=["replay", "integ", "conf", "sequence"])
        self._server.tell({})
        no_conf = ["mutual", "replay", "integ", "sequence"]
        self._good("level 1 without conf", 1, flags=no_conf)
        for level in (2, 3):
            result = self._transfer(level=level, flags=no_conf)
            self._checks.that(f"level {level} without conf", "abort" in result.get("refused", ""), result)

    def test_other_contexts(self) -> None:
        only_socks = Program("peer_server.py", "--keytab", self._realm.keytab, "--principal",
                             "socks/localhost@PEER.TEST")
        self._held("context-as-given", server=only_socks.address, service="rcmd@localhost")
        only_socks.close()
        self._held("context-as-given", mechanism="spnego")
        result = self._command("peer_client.py", "hostile", "context-as-given", "--server", self._server.address,
                               environment=self._realm.rc4_environment)
        report = self._server.session(result)
        self._checks.that("RC4 session key", result["verdict"] == "held" and "of type 23" in report["reason"],
                          [result, report])

    def test_programs(self) -> None:
        """The command lines, as other tests call them."""
        server = self._server.address
        catalogue = self._command("peer_client.py", "--list")
        self._checks.that("catalogue", len(catalogue["negotiation"]) > 40 and len(catalogue["data"]) > 25, catalogue)
        recorded = os.path.join(self._realm.folder, "recorded")
        for mode, down, extra in (("echo", 70000, []), ("source", 500, ["--octets", "500"]), ("sink", None, []),
                                  ("duplex", 9, ["--octets", "9"]), ("record", 0, ["--file", recorded])):
            origin = subprocess.Popen([sys.executable, os.path.join(FOLDER, "origin.py"), mode, "--once", *extra],
                                      stdout=subprocess.PIPE, text=True)
            port = json.loads(origin.stdout.readline())["listening"]
            options = ["--expect-down", "--down", str(down)] if down is not None else ["--no-expect-down"]
            result = self._command("peer_client.py", "transfer", "--server", server, "--target", f"localhost:{port}",
                                   "--up", "70000", "--down-seed", "up" if mode == "echo" else "down", *options)
            report = json.loads(origin.stdout.readline())
            self._checks.that(f"origin {mode}", result["ok"] and origin.wait(10) == 0 and
                              report["received_sha256"] == result["up_sha256"] and report["end"] == "fin",
                              [result, report])
        with open(recorded, "rb") as file:
            self._checks.that("recorded file", len(file.read()) == 70000)
        jobs = [{"id": 1, "scenario": "deleted", "server": server}, {"scenario": "unheard-of"}, {"mode": "transfer"},
                {"id": 4, "mode": "transfer", "server": server, "level": 1}]
        jobs[2]["server"] = "127.0.0.1:1"
        lines = "".join(json.dumps(job) + "\n" for job in jobs)
        done = subprocess.run([sys.executable, os.path.join(FOLDER, "peer_client.py"), "run"], input=lines, text=True,
                              stdout=subprocess.PIPE, check=True, timeout=ANSWER_LIMIT)
        one, two, three, four = (json.loads(line) for line in done.stdout.splitlines())
        self._checks.that("lines of jobs", one["id"] == 1 and one["verdict"] == "held" and two["verdict"] == "broken"
                          and "ConnectionRefused" in three["error"] and four["ok"], [one, two, three, four])

    def _command(self, *arguments: str, environment: dict | None = None) -> dict:
        done = subprocess.run([sys.executable, os.path.join(FOLDER, arguments[0]), *arguments[1:]], text=True,
                              stdout=subprocess.PIPE, timeout=ANSWER_LIMIT, env=environment, check=False)
        return json.loads(done.stdout)

    def test_levels(self) -> None:
        table = {((1, 2, 3), 1): 1, ((2,), 1): 2, ((1,), 2): None, ((2,), 3): 2, ((1,), 3): None, ((1, 3), 2): None,
                 ((2, 3), 3): 3, ((3,), 1): None, ((1, 2, 3), 0): None, ((1, 2, 3), 255): None}
        for (levels, asked), expected in table.items():
            self._server.tell({"levels": levels})
            result = self._transfer(level=asked)
            self._checks.that(f"levels {levels}, asked {asked}", result.get("level") == expected and
                              (expected is None) == ("abort" in result.get("refused", "")), result)
        self._server.tell({})

    def test_replies(self) -> None:
        import socket

        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        for target, code in ((f"127.0.0.1:{port}", 5), ("does-not-exist.invalid:80", 4)):
            result = self._transfer(target=target)
            self._checks.that(f"reply {code}", result.get("reply") == code and result.get("end") == "fin"
                              and result["reply_sealed"], result)

    # --- Hostile clients

    def test_negotiation(self) -> None:
        from rfc1961.negotiation import SCENARIOS

        for level in (1, 2):
            for name, scenario in SCENARIOS.items():
                if not scenario.timed and name != "context-as-given":
                    self._held(name, level=level)
            for asked in (0, 4, 9, 128, 255):
                self._held("level-asked", level=level, asked=asked)
        self._held("first-token-tampered", sweep="all")
        self._held("first-token-truncated", sweep="all")

    def test_deadlines(self) -> None:
        from rfc1961.negotiation import SCENARIOS

        self._server.tell({"seconds": 2.5})
        for name, scenario in SCENARIOS.items():
            if scenario.timed:
                self._held(name, deadline_ms=2500)
        self._server.tell({})

    def test_data(self) -> None:
        from rfc1961.faults import FAULTS, POSITIONS

        for level in ALL_LEVELS:
            for name in FAULTS:
                for position in POSITIONS:
                    for pace in ("lockstep", "burst"):
                        self._held(name, level=level, position=position, pace=pace, at=30)
        self._held("empties", count=900)

    def test_sweeps(self) -> None:
        for level in (1, 2):
            for position in ("first", "middle", "last"):
                result = self._held("flipped", level=level, position=position, sweep="all", size=8)
                self._checks.that(f"rotation octets level {level}", result["passed"] <= 2, result)
            for name in ("truncated", "misdeclared", "fin-inside"):
                self._held(name, level=level, position="middle", sweep="all", size=8)
        self._held("flipped", level=2, position="first", sweep="0-24", bits="all", size=8)

    def test_own_sequence_check(self) -> None:
        """The library checks nothing here: the header's number alone must hold."""
        self._server.tell({"required": ["mutual", "integ"]})
        for name in ("deleted", "repeated", "repeated-later", "late", "swapped", "level-token-again"):
            for position in ("first", "middle", "last"):
                self._held(name, position=position, flags=["mutual", "integ", "conf"])
        self._server.tell({})

    def _held(self, name: str, **fields) -> dict:
        result = self._hostile(name, **fields)
        self._checks.that(f"{name} {fields}", result["verdict"] == "held", result)
        return result

    def test_judgement(self) -> None:
        """Careless servers must be found out, or the scenarios show nothing."""
        self._server.tell({"required": ["mutual", "integ"], "careless": ["sequence"]})
        for name in ("deleted", "repeated", "repeated-later", "late", "swapped"):
            self._broken(name, patience=0.5, flags=["mutual", "integ", "conf"])
        self._broken("context-without-replay", patience=0.5)
        self._server.tell({"careless": ["seal"]})
        self._broken("integrity-only", patience=0.5)
        self._server.tell({"careless": ["empties"]})
        self._broken("empties", patience=0.5)
        self._server.tell({"careless": ["reset"]})
        self._broken("garbage", patience=1)
        self._server.tell({"careless": ["abort"]})
        self._broken("first-token-garbage")
        self._broken("level-asked", asked=9)
        self._server.tell({"required": []})
        for name in ("mutual", "integ", "replay", "anything"):
            self._broken(f"context-without-{name}", patience=0.5)
        self._server.tell({"seconds": 5})
        self._broken("announced-then-silence", patience=1)
        self._broken("announced-then-silence", patience=10, deadline_ms=2000)
        self._server.tell({"level_answer": 9})
        self._broken("level-sealed")
        self._server.tell({})

    def _broken(self, name: str, **fields) -> None:
        result = self._hostile(name, **fields)
        self._checks.that(f"found out: {name} {fields}", result["verdict"] == "broken" and
                          "not reached" not in result["why"][0], result)

    # --- Hostile servers

    def test_server_faults(self) -> None:
        from rfc1961.server import fault_names

        legal = {"octets@method", "octets@auth", "octets@level", "octets@reply", "twice@method"}
        for name in fault_names():
            if name.endswith("@data"):
                continue
            self._server.tell({"fault": name, "patience": 3})
            for level in (1, 2):
                if (name, level) == ("integrity-only@reply", 1) or (name.startswith("type-"), name[5:6]) == (
                        True, {"auth": "1", "level": "2", "reply": "3"}.get(name.partition("@")[2])):
                    continue  # Not a fault: the answer is the right one.
                result = self._transfer(level=level, seconds=1, up=10, down=10)
                self._checks.that(f"server {name} level {level}", result["ok"] == (name in legal) or
                                  name == "twice@method", result)
                report = self._server.session(result)
                if name.endswith("@level") and "after_fault" in report:
                    self._checks.that(f"nothing sent after {name}", report["after_fault"]["octets"] == 0 or
                                      name == "twice@level", report)
        for name, expected in (("split@reply", "reply_tokens"), ("with-data@reply", "down_octets")):
            self._server.tell({"fault": name})
            result = self._transfer(up=10, down=10)
            self._checks.that(name, result.get("end") == "fin" and result[expected] in (4, 15), result)
        self._server.tell({})

    def test_server_answers(self) -> None:
        for fields, word in (({"method_answer": 0}, "method answer 0500"), ({"method_answer": 2}, "method answer 0502"),
                             ({"method_answer": 255}, "method answer 05ff"), ({"level_answer": 0}, "level answer 00"),
                             ({"level_answer": 4}, "level answer 04"), ({"level_answer": 255}, "level answer ff")):
            self._server.tell(fields)
            result = self._transfer()
            report = self._server.session(result)
            self._checks.that(f"server {fields}", word == result.get("refused") and
                              report["after_fault"]["octets"] == 0, [result, report])
        self._server.tell({"reply_code": 2})
        result = self._transfer()
        self._checks.that("reply 2", result.get("reply") == 2 and result.get("end") == "fin", result)
        self._server.tell({})

    def test_server_data(self) -> None:
        from rfc1961.faults import FAULTS, POSITIONS

        size, whole = 24, 9
        for name in (*FAULTS, "abort", "close", "reset", "stall"):
            if name == "foreign":
                continue
            for level in ALL_LEVELS:
                for position, index in POSITIONS.items():
                    self._server.tell({"target": "messages", "fault": f"{name}@data", "position": position, "at": 30,
                                       "patience": 3})
                    # The request, whole in its token, is what the server sends back for `reflected`.
                    result = self._transfer(level=level, target="127.0.0.1:1", expect_down=False, up=0, seconds=1)
                    good = name in ("none", "sealed") or (name == "integrity-only" and level != 2)
                    repeated = {"repeated": 1, "repeated-later": 3}.get(name, 0)
                    due = whole if good or name == "empties" else index + repeated
                    wrong = bool(result.get("violation") or result.get("error") or result.get("end") == "deadline"
                                 or result.get("end") == "rst")
                    expected = name not in ("none", "close", "empties") and not good
                    # A reset may overtake octets that have not been read yet.
                    count = result.get("down_octets", 0)
                    right = count <= due * size if name == "reset" else count == due * size
                    self._checks.that(f"server {name}@data {position} level {level}", right and (
                        wrong == expected or name == "empties"), result)
        self._server.tell({})

    # --- Datagrams

    def _job(self, mode: str, **fields) -> dict:
        return self._run({"mode": mode, "server": self._server.address, **fields})

    def test_associations(self) -> None:
        for level in ALL_LEVELS:
            for own in ("ipv4", "ipv6", "name"):
                for size in (0, 1, 1400, 9000, -1):
                    self._associated(f"datagrams of {size} to {own}, level {level}", level, own=own, size=size)
            for request in ("own", "zero", "10.1.2.3:9"):
                self._associated(f"request with {request}, level {level}", level, request=request)
            self._associated(f"alternate sealing, level {level}", level, sealing="alternate", count=100)
            for answer in (0, 1, 60000):
                self._associated(f"answers of {answer}, level {level}", level, answer=answer)
            result = self._job("associate", level=level, answer=65500, count=1, patience=0.3)
            self._checks.that(f"too large an answer, level {level}", result.get("answered") == 0 and
                              self._server.session(result)["datagrams"]["dropped"] == {"large": 1}, result)
        self._server.tell({"commands": [1]})
        result = self._job("associate")
        self._checks.that("reply 7", result.get("refused") == "reply 0x07", result)
        self._server.tell({})

    def _associated(self, name: str, level: int, **fields) -> None:
        result = self._job("associate", level=level, **fields)
        sealed = ("none",) if level == 1 else ("all",) if level == 2 else ("all", "mixed")
        report = self._server.session(result)
        count = fields.get("count", 10)
        self._checks.that(name, result["ok"] and result["level"] == level and result["sent"]["sealed"] in sealed and
                          report["datagrams"] == {"up": count, "down": count, "dropped": {}}, [result, report])

    def test_hostile_datagrams(self) -> None:
        from rfc1961.datagram_faults import FAULTS
        from rfc1961.hostile_datagrams import SCENARIOS

        for level in ALL_LEVELS:
            for name in (*FAULTS, *SCENARIOS):
                if name != "early":
                    self._dropped(name, level=level, count={"flood": 5000}.get(name, 80))
            self._dropped("repeated-later", level=level, count=1000)
            self._dropped("repeated-later", level=level, count=5000)
        for own in ("ipv6", "name"):
            for name in ("none", "tampered", "fragments", "injected", "other-port"):
                self._dropped(name, own=own)

    def _dropped(self, name: str, **fields) -> dict:
        result = self._job("datagrams", scenario=name, **fields)
        self._checks.that(f"datagrams {name} {fields}", result["verdict"] == "held" and result["passed"] <= 2, result)
        return result

    def test_datagram_stream(self) -> None:
        for level in ALL_LEVELS:
            result = self._job("stream", level=level, count=20000 if not self._full else 1_000_000, seconds=600)
            self._checks.that(f"stream, level {level}", result["ok"] and result["repeats"] > result["sent"] / 40 and
                              result["too_old"] > 0, result)

    def test_datagram_judgement(self) -> None:
        """Careless relays must be found out."""
        for careless, names in (
                ("window", ("repeated", "repeated-later")), ("source", ("other-port", "other-address",
                            "first-from-another-address")), ("fragment", ("fragments",)), ("inject", ("injected",)),
                ("outlive", ("control-fin", "further-token"))):
            self._server.tell({"careless": [careless], "patience": 1})
            for name in names:
                result = self._job("datagrams", scenario=name, patience=0.5)
                self._checks.that(f"found out: careless {careless}, {name}", result["verdict"] == "broken", result)
        self._server.tell({"careless": ["window"]})
        result = self._job("stream", count=3000, gaps=0)
        self._checks.that("found out: a stream twice", not result["ok"] and result["twice"] > 0, result)
        self._server.tell({})

    def test_datagram_server_faults(self) -> None:
        from rfc1961.server import datagram_fault_names

        for name in datagram_fault_names():
            self._server.tell({"fault": name, "octet": -1, "bit": -1, "at": -1, "count": 2})
            for level in ALL_LEVELS:
                result = self._job("associate", level=level, count=5)
                report = self._server.session(result)
                nothing = name == "integrity-only@datagram" and level != 2
                fired = report["datagrams"].get("shots", 0) > 0
                # This client ends at the first datagram that is not good.
                self._checks.that(f"server {name}, level {level}", fired and (nothing or "error" in result or
                                  "refused" in result), [result, report])
        self._server.tell({})

    # --- BIND

    def test_bind(self) -> None:
        for level in ALL_LEVELS:
            for fields in ({}, {"expected": "peer"}, {"expected": "peer", "connects": ["127.0.0.2", "127.0.0.1"]},
                           {"connects": ["127.0.0.3"]}, {"late": True}, {"up": 0, "down": 0},
                           {"up": 1 << 20, "down": 1 << 20}):
                result = self._job("bind", level=level, **fields)
                self._checks.that(f"bind {fields}, level {level}", result["ok"] and result["reply_tokens"] == 1 and
                                  result["second_tokens"] == 1 and result["second_sealed"] == (level != 1), result)
        for leave in ("fin", "reset"):
            result = self._job("bind", leave=leave)
            self._checks.that(f"bind, {leave}", result["ok"] and result["gone_ms"] < 100, result)
        self._server.tell({"bind_seconds": 1})
        result = self._job("bind", leave="stay", expected="127.0.0.1:0", connects=["127.0.0.2", "127.0.0.3"])
        self._checks.that("bind, nobody", result["ok"] and 900 <= result["timer_ms"] <= 2000 and
                          result["second_reply"] == 6, result)
        self._server.tell({"careless": ["peer"]})
        result = self._job("bind", expected="peer", connects=["127.0.0.2", "127.0.0.1"], patience=1)
        self._checks.that("found out: somebody else", not result["ok"], result)
        self._server.tell({"careless": ["listener"]})
        result = self._job("bind", patience=1)
        self._checks.that("found out: a listener that stays", not result["ok"], result)
        self._server.tell({"commands": [1, 3]})
        self._checks.that("no bind", self._job("bind").get("reply") == 7)
        self._server.tell({})

    def test_bind_faults(self) -> None:
        from rfc1961.server import bind_fault_names

        for name in bind_fault_names():
            if name == "type-3@second":
                continue  # Not a fault.
            self._server.tell({"fault": name, "patience": 3})
            result = self._job("bind", seconds=2, patience=1)
            legal = name in ("octets@second", "split@second")
            self._checks.that(f"server {name}", result["ok"] == legal, result)
        self._server.tell({})

    # --- The tap

    def test_tap(self) -> None:
        for level in ALL_LEVELS:
            result = self._hostile("none", server=self._tap.address, level=level)
            report = self._tap.session(result)
            self._checks.that(f"tap level {level}", result["verdict"] == "held" and report["agreed"]
                              and report["unwrapped_after_agreement"] == 0, [result, report])
            seen = report["up"]["canaries"]
            self._checks.that(f"tap canary level {level}", seen == (1 if level == 1 else 0), report)
            sealed = report["up"]["signed"] == 0 if level == 2 else report["up"]["signed"] > 0
            self._checks.that(f"tap sealing level {level}", sealed, report)
        result = self._hostile("clear-request", server=self._tap.address)
        report = self._tap.session(result)
        self._checks.that("tap sees a clear request", report["up"]["unwrapped"] > 0, report)
        self._server.tell({"fault": "clear@reply"})
        result = self._transfer(server=self._tap.address, seconds=1)
        report = self._tap.session(result)
        self._checks.that("tap sees a clear reply", report["down"]["unwrapped"] > 0, report)
        self._server.tell({})

    def test_tap_faults(self) -> None:
        from wire_tap import FAULTS

        for direction in ("up", "down"):
            for kind in FAULTS:
                for level in (1, 2):
                    self._tap.tell({"kind": kind, "direction": direction, "message": 3, "at": 40, "octet": 30})
                    result = self._transfer(server=self._tap.address, level=level, up=3000, down=300000, chunk=300,
                                            seconds=1)
                    report = self._tap.session(result)
                    self._checks.that(f"tap {kind} {direction} level {level}", report["fault_applied"] and
                                      result["ok"] == (kind == "octets"), [result, report])
        self._tap.tell(None)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    sys.path.insert(0, FOLDER)
    from realm import Realm

    realm, checks = Realm(), Checks()
    try:
        os.environ.update(realm.environment)
        test = SelfTest(checks, realm, options.full)
        try:
            for name, group in test.groups().items():
                if options.only in name:
                    before, start = checks.passed, time.monotonic()
                    group()
                    print(f"{name}: {checks.passed - before} passed in {time.monotonic() - start:.1f} s", flush=True)
        finally:
            test.close()
    finally:
        realm.close()
    print(f"{checks.passed} passed, {len(checks.failed)} failed", flush=True)
    return 1 if checks.failed or not checks.passed else 0


if __name__ == "__main__":
    sys.exit(main())

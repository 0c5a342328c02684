"""The data phase of the server: both directions, strict, or with a script of messages in place of a target."""

import hashlib
import threading
import time

from . import faults
from .framing import ABORT_MESSAGE, ENCAPSULATED, FramingError, frame
from .origins import milliseconds_since
from .protection import Protection, ProtectionFailure, Sealing
from .wire import FIN, Deadline, Ended, Segmenter, Wire

EMPTY_MESSAGES_LIMIT = 1000


class Relay:
    """Both directions of a session. Upwards in this thread, downwards in a second one."""

    def __init__(self, session, protection: Protection, level: int, target: Wire | None, early: bytes,
                 reply_token: bytes):
        self._session = session
        self._policy = session.policy
        self._wire = session.wire
        self._protection = protection
        self._level = level
        self._target = target
        self._early = early
        self._reply_token = reply_token
        self._up = hashlib.sha256()
        self._down = hashlib.sha256()
        self._up_octets = self._down_octets = 0
        self._down_end = ""
        self._fault_sent = 0.0

    def run(self) -> str | None:
        """Runs to the end. The result is the reason when the session must be refused, else None."""
        downwards = threading.Thread(target=self._from_target if self._target else self._script, daemon=True)
        downwards.start()
        failure = self._from_client()
        if failure:
            if self._target:
                self._target.stop_reading()
            self._wire.half_close()
        downwards.join()
        if failure and self._target and "reset" not in self._policy.careless:
            self._target.reset()
        self._session.report.update(
            up={"octets": self._up_octets, "sha256": self._up.hexdigest()},
            down={"octets": self._down_octets, "sha256": self._down.hexdigest(), "end": self._down_end},
            sent=self._protection.sent.report(), received=self._protection.received.report())
        return failure

    def _from_client(self) -> str | None:
        """Relays until the client's FIN; a reason when the session must end instead."""
        empties = 0
        try:
            self._deliver(self._early)
            while True:
                try:
                    message = self._wire.message(Deadline(self._policy.seconds))
                except Ended as end:
                    self._session.report["client_end"] = end.how
                    if self._fault_sent:
                        self._session.report["ms_after_fault"] = milliseconds_since(self._fault_sent)
                    if end.how == FIN and not end.partial:
                        if self._target:
                            self._target.half_close()
                        return None
                    return f"{end.how} after {len(end.partial)} octets of a message"
                if message.type != ENCAPSULATED or not message.token:
                    return f"type {message.type:#04x} with {len(message.token)} octets in the data phase"
                level = None if "seal" in self._policy.careless else self._level
                plaintext, _ = self._protection.unwrap(message.token, level)
                empties = 0 if plaintext else empties + 1
                if empties > EMPTY_MESSAGES_LIMIT and "empties" not in self._policy.careless:
                    return "too many empty messages"
                self._deliver(plaintext)
        except (FramingError, ProtectionFailure) as failure:
            return str(failure)
        except OSError as error:
            return f"target: {type(error).__name__}"

    def _deliver(self, plaintext: bytes) -> None:
        if not plaintext:
            return
        self._up.update(plaintext)
        self._up_octets += len(plaintext)
        if self._target:
            self._target.send(plaintext)

    def _from_target(self) -> None:
        sealing = Sealing(self._level, self._policy.sealing)
        largest = self._protection.largest_plaintext(self._level != 1)
        chunk = min(self._policy.chunk or largest, largest)
        segmenter = Segmenter(self._wire, self._policy.segment)
        try:
            while True:
                try:
                    octets = self._target.some(Deadline(self._policy.seconds))
                except Ended as end:
                    self._down_end = end.how
                    break
                self._down.update(octets)
                self._down_octets += len(octets)
                for at in range(0, len(octets), chunk):
                    token = self._protection.wrap(octets[at : at + chunk], sealing.next())
                    segmenter.send(frame(ENCAPSULATED, token))
                segmenter.flush()
            self._wire.half_close()
        except OSError as error:
            self._down_end = type(error).__name__

    def _script(self) -> None:
        """The messages m1, m2, … with the data fault of the policy, then the half-close where the plan has one."""
        policy, name = self._policy, self._policy.at_stage("data") or "none"
        script = faults.Script(
            self._protection, self._level, faults.POSITIONS[policy.position], policy.size, policy.sealing,
            policy.octet, policy.bit, policy.at, policy.count, reflected=self._session.request_token,
            replayed=self._reply_token)
        try:
            if name in ("abort", "close", "reset", "stall"):
                for index in range(faults.POSITIONS[policy.position]):
                    self._wire.send(script.message(index))
                self._end_early(name)
            else:
                plan = faults.plan(name, script)
                for frame_ in plan.frames:
                    self._wire.send(frame_)
                if plan.half_close:
                    self._wire.half_close()
        except OSError as error:
            self._down_end = type(error).__name__
        self._fault_sent = time.monotonic()

    def _end_early(self, name: str) -> None:
        if name == "abort":
            self._wire.send(ABORT_MESSAGE)
        if name in ("abort", "close"):
            self._wire.half_close()
        if name == "reset":
            self._wire.stop_reading()
            self._wire.reset()
        if name == "stall":
            self._wire.hold_open(Deadline(self._policy.patience))

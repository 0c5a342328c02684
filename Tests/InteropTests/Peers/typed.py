#!/usr/bin/python3
"""Runs a command on a terminal of its own, and types at its prompts: one JSON line of what was seen. See README.md."""

import argparse
import json
import os
import pty
import select
import signal
import sys
import termios
import time

LIMIT = 20.0


def until(terminal: int, shown: bytearray, prompt: bytes | None, deadline: float) -> bool:
    """Reads up to a prompt, or to the end: false when there is no more."""
    while prompt is None or not shown.endswith(prompt):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([terminal], [], [], left)[0]:
            raise TimeoutError(f"neither a prompt nor the end after {bytes(shown)!r}")
        try:
            octets = os.read(terminal, 4096)
        except OSError:  # EIO: the other side is closed
            octets = b""
        if not octets:
            return False
        shown += octets
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", help="opened before, and read again afterwards by the same descriptor")
    parser.add_argument("--type", action="append", default=[], help="typed at the next prompt; Python's escapes. `signal:NAME` sends one")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    held = os.open(options.file, os.O_RDONLY) if options.file and os.path.exists(options.file) else None
    # Held open, so that the settings which the command leaves can be read.
    terminal, command_side = pty.openpty()
    before = termios.tcgetattr(command_side)
    child = os.fork()
    if child == 0:
        # Nothing that a careless mask lets through may show in the file.
        os.umask(0)
        os.setsid()
        for descriptor in (0, 1, 2):
            os.dup2(command_side, descriptor)
        os.closerange(3, 256)
        os.execv(options.command[0], options.command)
    shown = bytearray()
    deadline = time.monotonic() + LIMIT
    result: dict[str, object] = {"prompts": 0, "silent": []}
    try:
        for text in options.type:
            if not until(terminal, shown, b": ", deadline):
                break
            result["prompts"] += 1
            result["silent"].append(not termios.tcgetattr(command_side)[3] & termios.ECHO)
            shown += b"|"
            if text.startswith("signal:"):
                os.kill(child, signal.Signals[text.removeprefix("signal:")])
            else:
                os.write(terminal, text.encode().decode("unicode_escape").encode())
        # The command's side stays open here, so the end is the command's own.
        status = None
        while status is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"it has not ended after {bytes(shown)!r}")
            if select.select([terminal], [], [], 0.02)[0]:
                shown += os.read(terminal, 4096)
            elif (ended := os.waitpid(child, os.WNOHANG))[0]:
                status = os.waitstatus_to_exitcode(ended[1])
        result["status"] = status
    except TimeoutError as error:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        sys.exit(str(error))
    while select.select([terminal], [], [], 0)[0]:
        shown += os.read(terminal, 4096)
    result["shown"] = shown.decode(errors="replace")
    result["restored"] = termios.tcgetattr(command_side) == before
    if held is not None:
        result["held"] = os.read(held, 1 << 16).decode()
        result["replaced"] = os.stat(options.file).st_ino != os.fstat(held).st_ino
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()

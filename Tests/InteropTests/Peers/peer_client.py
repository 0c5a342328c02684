#!/usr/bin/python3
"""An independent RFC 1961 client for tests: good transfers and hostile sessions. See README.md."""

import argparse
import dataclasses
import json
import sys

from rfc1961 import association, bind, datagram_faults, datagram_stream, faults, handshakes, hostile, \
    hostile_datagrams, negotiation, transfer
from rfc1961.context import ALL_FLAGS

MODES = {
    "handshakes": (handshakes, handshakes.Handshakes),
    "transfer": (transfer, transfer.Transfer), "hostile": (hostile, hostile.Hostile), "bind": (bind, bind.Bind),
    "associate": (association, association.Associate), "stream": (datagram_stream, datagram_stream.Stream),
    "datagrams": (hostile_datagrams, hostile_datagrams.Datagrams),
}


def main() -> int:
    options = _parser().parse_args()
    if options.list:
        print(json.dumps(_catalogue(), indent=1))
        return 0
    if options.mode == "run":
        return _run_lines()
    if options.mode is None:
        print(f"a mode is needed: {', '.join(MODES)}, run, or --list", file=sys.stderr)
        return 2
    fields = {key: value for key, value in vars(options).items() if value is not None and key not in ("mode", "list")}
    missing = {flag for flag in ALL_FLAGS if fields.pop("no_" + flag, False)}
    if missing:
        fields["flags"] = list(MODES[options.mode][1].flags - missing)
    result = run({"mode": options.mode, **fields})
    print(json.dumps(result), flush=True)
    return 0 if result.get("ok") or result.get("verdict") == "held" else 1


def run(fields: dict) -> dict:
    """One job from its JSON fields."""
    fields = dict(fields)
    mode = fields.pop("mode", "hostile" if "scenario" in fields else "transfer")
    label = fields.pop("id", None)
    if "flags" in fields:
        fields["flags"] = frozenset(fields["flags"])
    if "methods" in fields:
        fields["methods"] = bytes(fields["methods"])
    module, job = MODES[mode]
    result = module.run(job(**fields))
    return result if label is None else {"id": label, **result}


def _run_lines() -> int:
    """Jobs from standard input, one JSON object a line; one JSON result a line."""
    for line in sys.stdin:
        if not line.strip():
            continue
        try:
            result = run(json.loads(line))
        except (ValueError, TypeError, KeyError) as error:
            result = {"error": f"{type(error).__name__}: {error}", "verdict": "broken", "ok": False}
        print(json.dumps(result), flush=True)
    return 0


def _catalogue() -> dict:
    about = lambda function: " ".join((function.__doc__ or "").split())  # noqa: E731
    return {
        "negotiation": {name: {"expected": one.expected, "timed": one.timed, "about": about(one.act)}
                        for name, one in negotiation.SCENARIOS.items()},
        "data": {name: {"about": about(function)} for name, function in faults.FAULTS.items()},
        "positions": list(faults.POSITIONS),
        "datagrams": {name: {"about": about(function)} for name, function in
                      {**datagram_faults.FAULTS, **hostile_datagrams.SCENARIOS}.items()},
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true", help="print all scenarios as JSON")
    modes = parser.add_subparsers(dest="mode")
    modes.add_parser("run", help="read jobs from standard input, one JSON object a line")
    for name, (_, job) in MODES.items():
        mode = modes.add_parser(name)
        for flag in sorted(ALL_FLAGS):
            mode.add_argument(f"--no-{flag}", action="store_true")
        for field in dataclasses.fields(job):
            if field.name in ("flags", "methods"):
                continue
            option = "--" + field.name.replace("_", "-")
            if field.name == "scenario":
                mode.add_argument("scenario")
            elif field.name == "connects":
                mode.add_argument(option, type=lambda text: text.split(","), default=None)
            elif isinstance(field.default, bool):
                mode.add_argument(option, action=argparse.BooleanOptionalAction, default=None)
            else:
                kind = type(field.default) if isinstance(field.default, (int, float)) else str
                mode.add_argument(option, type=kind, default=None)
    return parser


if __name__ == "__main__":
    sys.exit(main())

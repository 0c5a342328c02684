"""A Samba domain controller in a network namespace of its own; run it there (see ../README.md).

Makes a domain in a folder, starts its KDC on 127.0.0.1:88, prints {"ready": true}, then takes orders, one JSON object a
line: `do` is a method of `Accounts`, the other fields are its arguments. Ends, and takes the folder away, when its input
ends."""

import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

REALM, DOMAIN, HOST = "AD.TEST", "ADTEST", "dc1"
# Seconds.
LIMIT = 60


def run(*command: str) -> None:
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT)
    if ended.returncode != 0:
        raise RuntimeError(f"{command[0]}: {ended.stderr}{ended.stdout}")


def orders() -> queue.SimpleQueue:
    """Lines of standard input, then None. When the input has ended, an order that hangs does not keep this going."""
    lines: queue.SimpleQueue = queue.SimpleQueue()

    def follow() -> None:
        for line in sys.stdin:
            lines.put(line)
        lines.put(None)
        time.sleep(LIMIT)
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    return lines


def prepare(folder: str, hosts: str) -> None:
    """This namespace's loopback, and its own hosts file and resolver: no name leaves it."""
    run("ip", "link", "set", "lo", "up")
    names = os.path.join(folder, "hosts")
    with open(names, "w") as file:
        file.write(f"127.0.0.1 localhost {HOST}.{REALM.lower()} {hosts}\n")
    resolver = os.path.join(folder, "resolv.conf")
    with open(resolver, "w") as file:
        file.write("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    run("mount", "--bind", names, "/etc/hosts")
    run("mount", "--bind", resolver, os.path.realpath("/etc/resolv.conf"))


def options(folder: str) -> list[str]:
    """Nothing is shared with the machine, and only the KDC runs."""
    own = {
        "pid directory": f"{folder}/pid",
        "ncalrpc dir": f"{folder}/ncalrpc",
        "log file": f"{folder}/samba.log",
        "interfaces": "lo",
        "bind interfaces only": "yes",
        "server services": "kdc",
    }
    return [f"--option={key}={value}" for key, value in own.items()]


def provision(folder: str) -> str:
    run(
        "samba-tool", "domain", "provision", f"--realm={REALM}", f"--domain={DOMAIN}", "--server-role=dc",
        "--dns-backend=NONE", "--adminpass=Throwaway 1", f"--targetdir={folder}/domain", f"--host-name={HOST}",
        "--host-ip=127.0.0.1", *options(folder),
    )  # fmt: skip
    return f"{folder}/domain/etc/smb.conf"


def start(folder: str, configuration: str) -> subprocess.Popen:
    for name in "pid", "ncalrpc", "domain/cache":
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    log = open(os.path.join(folder, "samba.log"), "wb")
    server = subprocess.Popen(
        ["samba", "--foreground", "--model=single", "--no-process-group", "--debug-stdout", f"--configfile={configuration}",
         *options(folder)],
        stdin=subprocess.DEVNULL, stdout=log, stderr=log,
    )  # fmt: skip
    end = time.monotonic() + LIMIT
    while True:
        try:
            socket.create_connection(("127.0.0.1", 88), timeout=1).close()
            return server
        except OSError:
            if server.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"samba does not listen: {open(log.name).read()}") from None
            time.sleep(0.05)


def obey(accounts, line: str) -> dict:
    order = json.loads(line)
    return {"done": getattr(accounts, order.pop("do"))(**order)}


def main() -> None:
    folder, hosts = sys.argv[1:3]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    server = None
    # Samba's libraries print what they do: that goes to standard error, and only answers to standard output.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    lines = orders()
    try:
        prepare(folder, hosts)
        configuration = provision(folder)
        server = start(folder, configuration)
        # It reads the machine's own settings when it is loaded, so not before.
        from accounts import Accounts

        accounts = Accounts(configuration, folder, REALM)
        print(json.dumps({"ready": True}), file=answers, flush=True)
        while (line := lines.get()) is not None:
            print(json.dumps(obey(accounts, line)), file=answers, flush=True)
    finally:
        if server is not None:
            server.kill()
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

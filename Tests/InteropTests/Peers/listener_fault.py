#!/usr/bin/python3
"""listener_fault.py PID PORT [steal]: shuts down the listener of another process, as an error of the system would end it. With
`steal` the process stands still meanwhile, and the port is this program's from then on, until its input ends."""

import ctypes
import os
import signal
import socket
import sys

PIDFD_GETFD = 438


def main() -> int:
    pid, port, steals = int(sys.argv[1]), int(sys.argv[2]), "steal" in sys.argv[3:]
    libc = ctypes.CDLL(None, use_errno=True)
    process = os.pidfd_open(pid)
    if steals:
        os.kill(pid, signal.SIGSTOP)
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            number = libc.syscall(PIDFD_GETFD, process, int(name), 0)
            if number < 0:
                continue
            try:
                sock = socket.socket(fileno=number)
                listens = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
                if not listens or sock.getsockname()[1] != port:
                    sock.close()
                    continue
            except OSError:
                continue
            address = sock.getsockname()[:2]
            sock.shutdown(socket.SHUT_RDWR)
            sock.close()
            if steals:
                thief = socket.create_server(address)
            print("done", flush=True)
            break
        else:
            return 1
    finally:
        if steals:
            os.kill(pid, signal.SIGCONT)
    if steals:
        sys.stdin.read()
        thief.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""Sessions of an authenticated user that stay, to use up a gateway's descriptors. Prints {"ready": true}, then one JSON line
for each job (a JSON line on standard input):

{"associations": N, "server": S}      N associations, each of which has sent a datagram to an IPv4 and an IPv6 target
{"binds": N, "server": S}             N BINDs that wait for their peers; answers "ports", too
{"connects": N, "server": S, "host": NAME, "port": P}
                                      N requests that are not answered yet, for a name or an address
{"relays": N, "server": S, "port": P} N relays to a port of 127.0.0.1
{"idle": N, "server": S}              N clients that have authenticated and ask for nothing
{"blackhole": [ADDRESS...]}           takes the backlog of a listener at each of the addresses, so that it answers nobody;
                                      answers "port"

Each answers how many were "granted", or are under way, and how many "refused". The end of the input ends it."""

import json
import resource
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

from rfc1961 import association, client, socks
from rfc1961.wire import Deadline, Ended

held, ports = [], []


def associate(job: dict) -> bool:
    opened = association.Association(association.DatagramJob(server=job["server"], target="127.0.0.1:9"))
    for target in (socks.Endpoint("127.0.0.1", 9), socks.Endpoint("::1", 9)):
        opened.send(opened.datagram(target, b"x"))
    held.append(opened)
    return True


def request(job: dict, command: int | None, endpoint: socks.Endpoint | None, answered: bool) -> bool:
    settings = client.Job(server=job["server"])
    deadline = Deadline(settings.seconds)
    wire = settings.connect()
    _, protection = client.established(wire, settings, deadline)
    level = client.agree(wire, protection, settings.level, deadline).level
    if command is not None:
        client.send_request(wire, protection, level, socks.request(endpoint, command))
    if answered:
        reply = client.read_reply(wire, protection, level, deadline)
        if reply.code != socks.SUCCEEDED:
            wire.close()
            return False
        ports.append(reply.bound.port)
    held.append(wire)
    return True


def attempt(call, *arguments) -> bool:
    try:
        return call(*arguments)
    except (OSError, client.Refused, Ended):
        return False


def blackhole(addresses: list) -> int:
    port = 0
    for address in addresses:
        listener = socket.socket()
        listener.bind((address, port))
        listener.listen(0)
        port = listener.getsockname()[1]
        held.append(listener)
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((address, port))
            held.append(filler)
    return port


def main() -> None:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        if "blackhole" in job:
            print(json.dumps({"port": blackhole(job["blackhole"])}), flush=True)
            continue
        with ThreadPoolExecutor(4) as threads:
            if "associations" in job:
                done = list(threads.map(lambda _: attempt(associate, job), range(job["associations"])))
            elif "binds" in job:
                nobody = socks.Endpoint("127.0.0.1", 0)
                done = list(threads.map(lambda _: attempt(request, job, 2, nobody, True), range(job["binds"])))
            elif "relays" in job:
                target = socks.Endpoint("127.0.0.1", job["port"])
                done = list(threads.map(lambda _: attempt(request, job, 1, target, True), range(job["relays"])))
            elif "connects" in job:
                target = socks.Endpoint(job["host"], job["port"])
                done = list(threads.map(lambda _: attempt(request, job, 1, target, False), range(job["connects"])))
            else:
                done = list(threads.map(lambda _: attempt(request, job, None, None, False), range(job["idle"])))
        print(json.dumps({"granted": sum(done), "refused": len(done) - sum(done), "ports": ports}), flush=True)


if __name__ == "__main__":
    main()

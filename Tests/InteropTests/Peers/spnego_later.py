"""A client whose Kerberos token comes in its second SPNEGO message (RFC 4178): the first only names the mechanism."""

import gssapi, socket, struct, sys
def der(tag, body):
    n = len(body)
    length = bytes([n]) if n < 128 else bytes([0x80 | (n.bit_length() + 7) // 8]) + n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([tag]) + length + body
KRB5 = bytes.fromhex("06092a864886f712010202")
SPNEGO = bytes.fromhex("06062b0601050502")
name = gssapi.Name("socks@localhost", gssapi.NameType.hostbased_service)
flags = gssapi.RequirementFlag.mutual_authentication | gssapi.RequirementFlag.replay_detection \
    | gssapi.RequirementFlag.integrity | gssapi.RequirementFlag.confidentiality | gssapi.RequirementFlag.out_of_sequence_detection
context = gssapi.SecurityContext(name=name, usage="initiate", mech=gssapi.MechType.kerberos, flags=flags)
token = context.step()
first = der(0x60, SPNEGO + der(0xa0, der(0x30, der(0xa0, der(0x30, KRB5)))))
second = der(0xa1, der(0x30, der(0xa2, der(0x04, token))))
def message(s, kind, body): s.sendall(bytes([1, kind]) + struct.pack(">H", len(body)) + body)
def read(s, n):
    got = b""
    while len(got) < n:
        more = s.recv(n - len(got))
        if not more: sys.exit("closed after %r" % got)
        got += more
    return got
def answer(s, kind):
    head = read(s, 2)
    if head != bytes([1, kind]): sys.exit("answered %r" % head)
    return read(s, struct.unpack(">H", read(s, 2))[0])
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5) as s:
    s.settimeout(10)
    s.sendall(b"\5\1\1")
    assert read(s, 2) == b"\5\1"
    message(s, 1, first)
    answer(s, 1)
    message(s, 1, second)
    reply = answer(s, 1)
    # The Kerberos answer inside: an OCTET STRING that begins with the mechanism's frame.
    index = reply.index(KRB5) - 2
    while reply[index] != 0x60: index -= 1
    context.step(reply[index:])
    message(s, 2, context.wrap(bytes([2]), False).message)
    level = context.unwrap(answer(s, 2)).message
    print("level", level.hex())

"""Security contexts on the system's GSS library (raw calls, which show flags, mechanism and continuation)."""

from dataclasses import dataclass, field

import gssapi.raw as gss
from gssapi.raw import RequirementFlag as Flag

KRB5 = gss.OID.from_int_seq("1.2.840.113554.1.2.2")
SPNEGO = gss.OID.from_int_seq("1.3.6.1.5.5.2")
MECHANISMS = {"krb5": KRB5, "spnego": SPNEGO}
# Credential option "no CI flags": without it the Kerberos initiator always offers INTEG and CONF.
_NO_CI_FLAGS = gss.OID.from_int_seq("1.2.752.43.13.29")
_SESSION_KEY = gss.OID.from_int_seq("1.2.840.113554.1.2.2.5.5")

FLAG_NAMES = {
    "mutual": Flag.mutual_authentication,
    "replay": Flag.replay_detection,
    "sequence": Flag.out_of_sequence_detection,
    "conf": Flag.confidentiality,
    "integ": Flag.integrity,
    "delegation": Flag.delegate_to_peer,
    "anonymous": Flag.anonymity,
}
ALL_FLAGS = frozenset({"mutual", "replay", "sequence", "conf", "integ"})


class ContextFailure(Exception):
    """The library refused a context step or a credential."""


def _flag_names(flags: int) -> frozenset[str]:
    return frozenset(name for name, bit in FLAG_NAMES.items() if int(flags) & int(bit))


def service_name(service: str | None, principal: str | None) -> gss.Name:
    """`socks@host` (host-based) or a Kerberos principal `socks/host@REALM`."""
    if principal:
        return gss.import_name(principal.encode(), gss.NameType.kerberos_principal)
    return gss.import_name((service or "socks@localhost").encode(), gss.NameType.hostbased_service)


@dataclass
class Establishment:
    """What a complete context says about itself."""

    flags: frozenset[str] = frozenset()
    mechanism: str = ""
    peer: str = ""
    context: object = field(default=None, repr=False)

    @property
    def enctype(self) -> int | None:
        """The session key's encryption type: the last arc of the object identifier that comes with the key."""
        try:
            return gss.inquire_sec_context_by_oid(self.context, _SESSION_KEY)[1][-1]
        except (gss.GSSError, IndexError):
            return None


class Initiator:
    """The client's end: `step(None)` gives the first token."""

    def __init__(self, name: gss.Name, flags: frozenset[str] = ALL_FLAGS, mechanism: str = "krb5",
                 ccache: str | None = None):
        self._name = name
        self._flags = 0
        for flag in flags:
            self._flags |= int(FLAG_NAMES[flag])
        self._mechanism = MECHANISMS[mechanism]
        self._context = None
        self.complete = False
        self.establishment = Establishment()
        try:
            self._credentials = self._acquire(ccache, "integ" in flags and "conf" in flags)
        except gss.GSSError as error:
            raise ContextFailure(str(error)) from error

    def _acquire(self, ccache: str | None, offers_both: bool):
        store = {b"ccache": ccache.encode()} if ccache else None
        if store is None and offers_both:
            return None
        # The option is one of a Kerberos credential: for SPNEGO it is reached through the mechanism glue.
        credentials = gss.acquire_cred_from(store, name=None, usage="initiate", mechs={self._mechanism}).creds
        if not offers_both:
            gss.set_cred_option(_NO_CI_FLAGS, credentials)
        return credentials

    def step(self, token: bytes | None) -> bytes:
        """One round; an empty result means that there is nothing to send."""
        try:
            result = gss.init_sec_context(
                self._name, creds=self._credentials, context=self._context, mech=self._mechanism,
                flags=self._flags, input_token=token)
        except gss.GSSError as error:
            raise ContextFailure(str(error)) from error
        self._context = result.context
        self.complete = not result.more_steps
        if self.complete:
            name = gss.inquire_context(self._context).target_name
            self.establishment = Establishment(
                _flag_names(result.flags), result.mech.dotted_form, _text(name), self._context)
        return result.token or b""


class Acceptor:
    """The server's end, with a credential from a keytab, limited to Kerberos (or to SPNEGO over Kerberos)."""

    @staticmethod
    def credentials(keytab: str, principal: str | None = None, spnego: bool = False, rcache: str | None = None):
        store = {b"keytab": keytab.encode()}
        if rcache:
            store[b"rcache"] = rcache.encode()
        name = gss.import_name(principal.encode(), gss.NameType.kerberos_principal) if principal else None
        mechanisms = {KRB5, SPNEGO} if spnego else {KRB5}
        credentials = gss.acquire_cred_from(store, name=name, usage="accept", mechs=mechanisms).creds
        if spnego:
            gss.set_neg_mechs(credentials, {KRB5})
        return credentials

    def __init__(self, credentials):
        self._credentials = credentials
        self._context = None
        self.complete = False
        self.establishment = Establishment()

    def step(self, token: bytes) -> bytes:
        try:
            result = gss.accept_sec_context(token, acceptor_creds=self._credentials, context=self._context)
        except gss.GSSError as error:
            raise ContextFailure(str(error)) from error
        self._context = result.context
        self.complete = not result.more_steps
        if self.complete:
            self.establishment = Establishment(
                _flag_names(result.flags), result.mech.dotted_form, _text(result.initiator_name), self._context)
        return result.token or b""


def _text(name) -> str:
    return "" if name is None else gss.display_name(name).name.decode("utf-8", "backslashreplace")

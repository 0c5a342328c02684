"""The accounts of a Samba domain, changed in its database: what an administrator does with Active Directory's tools."""

import os

import ldb
from samba.auth import system_session
from samba.credentials import Credentials
from samba.net import Net
from samba.param import LoadParm
from samba.samdb import SamDB
from samba import dckeytab  # noqa: F401, gives Net its export_keytab

import keytab


class Accounts:
    """Each method is an order that a test may give, with the order's fields as its arguments."""

    def __init__(self, configuration: str, folder: str, realm: str):
        self.folder = folder
        self.realm = realm
        self.parameters = LoadParm()
        self.parameters.load(configuration)
        credentials = Credentials()
        credentials.guess(self.parameters)
        self.database = SamDB(session_info=system_session(), credentials=credentials, lp=self.parameters)
        self.keys: dict[str, list[keytab.Key]] = {}

    def computer(self, name: str, services: list[str], password: str, enctypes: int) -> None:
        """A computer account; `enctypes` is msDS-SupportedEncryptionTypes (4: RC4, 24: AES, 32: AES session keys)."""
        self.database.newcomputer(name, service_principal_name_list=services)
        message = ldb.Message(self._find(f"{name}$"))
        message["types"] = ldb.MessageElement(
            str(enctypes), ldb.FLAG_MOD_REPLACE, "msDS-SupportedEncryptionTypes"
        )
        self.database.modify(message)
        self.password(f"{name}$", password)

    def user(self, name: str, password: str, upn: str | None = None, groups: int = 0) -> None:
        """A user, with a user principal name of another domain's look if wanted, in as many groups as wanted."""
        self.database.newuser(name, password)
        entry = self._find(name)
        if upn:
            message = ldb.Message(entry)
            message["upn"] = ldb.MessageElement(upn, ldb.FLAG_MOD_REPLACE, "userPrincipalName")
            self.database.modify(message)
        self.database.transaction_start()
        for number in range(groups):
            group = f"{name}-group-{number}"
            self.database.newgroup(group)
            message = ldb.Message(self._find(group))
            message["member"] = ldb.MessageElement(str(entry), ldb.FLAG_MOD_ADD, "member")
            self.database.modify(message)
        self.database.transaction_commit()

    def password(self, name: str, password: str) -> None:
        """A new password, and so the next key version."""
        self.database.setpassword(f"(sAMAccountName={ldb.binary_encode(name)})", password)

    def disable(self, name: str) -> None:
        self.database.disable_account(f"(sAMAccountName={ldb.binary_encode(name)})")

    def keytab(self, name: str, principals: list[str], path: str, enctypes: list[int] | None = None) -> list[list[int]]:
        """The account's keys, those of earlier exports behind the newest, under names of any order."""
        exported = os.path.join(self.folder, "export.keytab")
        Net(None, self.parameters).export_keytab(keytab=exported, principal=name)
        fresh = keytab.read(exported)
        os.remove(exported)
        known = self.keys.get(name, [])
        self.keys[name] = fresh + [key for key in known if key not in fresh]
        wanted = [key for key in self.keys[name] if enctypes is None or key.enctype in enctypes]
        keytab.write(path, [f"{principal}@{self.realm}" for principal in principals], wanted)
        return [[key.number, key.enctype] for key in wanted]

    def _find(self, name: str) -> ldb.Dn:
        found = self.database.search(
            self.database.domain_dn(), ldb.SCOPE_SUBTREE, f"(sAMAccountName={ldb.binary_encode(name)})", attrs=[]
        )
        if len(found) != 1:
            raise ValueError(f"{len(found)} accounts are called {name!r}")
        return found[0].dn

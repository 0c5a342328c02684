"""A throwaway MIT realm in a temporary folder, for the peers' own test."""

import os
import shutil
import socket
import subprocess
import tempfile
import time

REALM = "PEER.TEST"


class Realm:
    """A KDC on a free port of 127.0.0.1, a user with a ticket, a keytab with `socks` and `rcmd` for localhost."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="rfc1961-peers.")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.keytab = self._path("service.keytab")
        self.environment = {**os.environ, "KRB5_CONFIG": self._path("krb5.conf"),
                            "KRB5_KDC_PROFILE": self._path("kdc.conf"), "KRB5CCNAME": "FILE:" + self._path("ccache"),
                            "KRB5RCACHENAME": "dfl:" + self._path("rcache")}
        settings = f"""[libdefaults]
 default_realm = {REALM}
 allow_rc4 = true
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
[realms]
 {REALM} = {{
  kdc = 127.0.0.1:{port}
 }}
[domain_realm]
 localhost = {REALM}
"""
        self._write("krb5.conf", settings)
        for name, enctypes in (("rc4-ticket.conf", "arcfour-hmac aes256-cts"), ("rc4.conf", "arcfour-hmac")):
            self._write(name, settings.replace("[libdefaults]", f"[libdefaults]\n permitted_enctypes = {enctypes}"))
        self._write("kdc.conf", f"""[realms]
 {REALM} = {{
  database_name = {self._path("principal")}
  key_stash_file = {self._path("stash")}
  kdc_listen = 127.0.0.1:{port}
  kdc_tcp_listen = 127.0.0.1:{port}
  supported_enctypes = aes256-cts:normal aes128-cts:normal
 }}
[logging]
 kdc = FILE:{self._path("kdc.log")}
""")
        self._run("kdb5_util", "create", "-s", "-r", REALM, "-P", "master")
        self._kadmin("addprinc -pw secret alice")
        for service in ("socks", "rcmd"):
            self._kadmin(f"addprinc -randkey {service}/localhost")
            self._kadmin(f'setstr {service}/localhost session_enctypes "aes256-cts,arcfour-hmac"')
            self._kadmin(f"ktadd -k {self.keytab} {service}/localhost")
        self._kdc = subprocess.Popen([_program("krb5kdc"), "-n"], env=self.environment, stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
        self._get_ticket(port)
        # Kept apart before it holds any service ticket.
        shutil.copy(self._path("ccache"), self._path("ccache-rc4"))

    @property
    def rc4_environment(self) -> dict:
        """The same user with a service ticket whose session key is RC4, and settings that know nothing else (with AES
        among them the acceptor would choose an AES subkey)."""
        environment = {**self.environment, "KRB5CCNAME": "FILE:" + self._path("ccache-rc4")}
        subprocess.run([_program("kvno"), "-q", "socks/localhost"], check=True,
                       env={**environment, "KRB5_CONFIG": self._path("rc4-ticket.conf")})
        return {**environment, "KRB5_CONFIG": self._path("rc4.conf")}

    def close(self) -> None:
        self._kdc.terminate()
        self._kdc.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _get_ticket(self, port: int) -> None:
        end = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > end or self._kdc.poll() is not None:
                    raise RuntimeError("the KDC does not listen") from None
                time.sleep(0.05)  # between two attempts, against the deadline above
        self._run("kinit", f"alice@{REALM}", input="secret\n")

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def _write(self, name: str, text: str) -> None:
        with open(self._path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def _kadmin(self, command: str) -> None:
        self._run("kadmin.local", "-r", REALM, "-q", command)

    def _run(self, program: str, *arguments: str, input: str | None = None) -> None:
        subprocess.run([_program(program), *arguments], env=self.environment, input=input, text=True, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def _program(name: str) -> str:
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") or name

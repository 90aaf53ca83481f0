"""Certificates, by openssl: one that nobody trusts, and an authority that issues them."""

import ssl
import subprocess
from pathlib import Path

ALTERNATIVE = "subjectAltName=DNS:{},IP:127.0.0.1"


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def request(key, *more):
    """The arguments that make a key, and something with it."""
    return "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, *more


def server_context(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def self_signed(directory, name="localhost"):
    key, certificate = f"{directory}/key.pem", f"{directory}/cert.pem"
    openssl(*request(key, "-x509", "-out", certificate, "-days", 2, "-subj", f"/CN={name}",
                     "-addext", ALTERNATIVE.format(name)))  # fmt: skip
    return server_context(certificate, key)


class Authority:
    """Issues certificates. `file` is its own, and `pem` the text of that."""

    def __init__(self, directory, name="authority"):
        self.directory = Path(directory) / name
        self.directory.mkdir()
        self.key, self.file = self.directory / "ca.key", self.directory / "ca.pem"
        openssl(*request(self.key, "-x509", "-out", self.file, "-days", 2, "-subj", f"/CN={name}"))
        self.pem = self.file.read_text()

    def issue(self, name):
        """Paths of a certificate and its key."""
        paths = [self.directory / f"{name}.{kind}" for kind in ("pem", "key", "csr", "ext")]
        certificate, key, csr, extensions = paths
        extensions.write_text(ALTERNATIVE.format(name))
        openssl(*request(key, "-out", csr, "-subj", f"/CN={name}"))
        openssl("x509", "-req", "-in", csr, "-CA", self.file, "-CAkey", self.key, "-CAcreateserial", "-days", 2,
                "-out", certificate, "-extfile", extensions)  # fmt: skip
        return certificate, key

    def server(self, name="localhost", clients=None):
        """`clients`: the authority whose certificates clients must show."""
        context = server_context(*self.issue(name))
        if clients:
            context.load_verify_locations(clients.file)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

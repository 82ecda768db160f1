"""A certificate authority of a test's own, whose certificates are as good or as bad as a test wants them."""

import ssl
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

_SETTINGS: Final = """
[ca]
default_ca = own
[own]
database = {folder}/index.txt
new_certs_dir = {folder}
serial = {folder}/serial
certificate = {folder}/ca.pem
private_key = {folder}/ca.key
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
"""
_KEY: Final = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


@dataclass(frozen=True, slots=True)
class Authority:
    """Issues certificates into its folder; `pem` is what a client trusts."""

    folder: Path

    @property
    def pem(self) -> Path:
        return self.folder / "ca.pem"

    def issue(self, name: str = "localhost", *, since_days: float = -1, days: float = 30) -> tuple[Path, Path]:
        """Give a certificate for a name and its key, valid from and to so many days from now."""
        stem = self.folder / f"{name}-{since_days:g}-{days:g}"
        key, request, cert = (stem.with_name(f"{stem.name}{end}") for end in (".key", ".csr", ".pem"))
        names = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
        _openssl("req", "-new", *_KEY, "-keyout", str(key), "-out", str(request), *names)
        now = datetime.now(UTC)
        begins, ends = (f"{now + timedelta(days=n):%Y%m%d%H%M%SZ}" for n in (since_days, days))
        dates = ["-startdate", begins, "-enddate", ends]
        files = ["-config", str(self.folder / "ca.cnf"), "-in", str(request), "-out", str(cert), "-notext"]
        _openssl("ca", "-batch", *files, *dates)
        return cert, key

    def server(self, name: str = "localhost", *, since_days: float = -1, days: float = 30) -> ssl.SSLContext:
        """Give what a server needs to speak TLS with such a certificate."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*self.issue(name, since_days=since_days, days=days))
        return context

    def client(self) -> ssl.SSLContext:
        """Give what a client needs that trusts this authority alone."""
        return ssl.create_default_context(cafile=self.pem)


def authority(folder: Path) -> Authority:
    """Found one; needs the program openssl."""
    (folder / "ca.cnf").write_text(_SETTINGS.format(folder=folder), "ascii")
    (folder / "index.txt").touch()
    (folder / "serial").write_text("1000\n", "ascii")
    files = ["-keyout", str(folder / "ca.key"), "-out", str(folder / "ca.pem"), "-days", "30"]
    _openssl("req", "-x509", *_KEY, *files, "-subj", "/CN=A test's own authority")
    return Authority(folder)


def _openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)  # noqa: S603, S607 - our own words, no shell

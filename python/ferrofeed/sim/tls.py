"""Server-side TLS contexts: from files, or a certificate made on the spot."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import tempfile
from pathlib import Path


class TlsError(ValueError):
    """TLS was asked for and can't be had; the text says what to do."""


def context_from_files(cert: Path, key: Path | None = None) -> ssl.SSLContext:
    """Load a PEM certificate chain and its key (None: in the same file). :raises TlsError: unreadable or no match."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise TlsError(f"can't load the certificate {cert} with key {key or cert}: {error}") from error
    return context


def self_signed_context(hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "::1")) -> tuple[ssl.SSLContext, bytes]:
    """Make a self-signed certificate, valid for a day; returns the context and the PEM certificate clients must trust.

    :raises TlsError: the ``cryptography`` package is not installed.
    """
    try:
        from cryptography import x509  # noqa: PLC0415 - not a dependency: only this needs it
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    except ImportError as error:
        raise TlsError(
            "TLS without a certificate needs the 'cryptography' package: install it, or give --cert and --key"
        ) from error
    key = ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = []
    for host in dict.fromkeys(hosts):
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ferrofeed sim")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    # the ssl module reads keys from files only; the folder is private to this user and gone at once
    with tempfile.TemporaryDirectory(prefix="ferrofeed-sim-") as folder:
        path = Path(folder) / "sim.pem"
        path.touch(mode=0o600)
        path.write_bytes(private + pem)
        return context_from_files(path), pem

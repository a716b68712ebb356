"""Server-side TLS contexts: from files, or a certificate made on the spot."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey


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
    """Make a certificate and an authority of its own for it, valid for a day.

    Returns the context and the authority's PEM certificate, which clients must trust. Two certificates, because strict
    clients (rustls, Python from 3.13 on) refuse one that is its own authority.

    :raises TlsError: the ``cryptography`` package is not installed.
    """
    try:
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - not a dependency: only this needs it
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    except ImportError as error:
        raise TlsError(
            "TLS without a certificate needs the 'cryptography' package: install it, or give --cert and --key"
        ) from error
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _certificate("ferrofeed sim authority", authority_key, "ferrofeed sim authority", authority_key, ())
    leaf = _certificate("ferrofeed sim", key, "ferrofeed sim authority", authority_key, hosts)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    # the ssl module reads keys from files only; the folder is private to this user and gone at once
    with tempfile.TemporaryDirectory(prefix="ferrofeed-sim-") as folder:
        path = Path(folder) / "sim.pem"
        path.touch(mode=0o600)
        path.write_bytes(private + leaf)
        return context_from_files(path), authority


def _certificate(
    name: str,
    key: EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: EllipticCurvePrivateKey,
    hosts: Iterable[str],
) -> bytes:
    """One certificate, PEM: for these hosts, or an authority's if there are none."""
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415

    def common_name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    names: list[x509.GeneralName] = []
    for host in dict.fromkeys(hosts):
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    now = dt.datetime.now(dt.UTC)
    authority = not names
    usages = ("digital_signature", "key_cert_sign", "crl_sign")
    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    flags = {usage: authority == (usage != "digital_signature") for usage in usages}
    flags |= dict.fromkeys((*others, "encipher_only", "decipher_only"), False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(common_name(name))
        .issuer_name(common_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True)
        .add_extension(x509.KeyUsage(**flags), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

"""The certificate that a simulator makes for itself satisfies strict clients."""

from __future__ import annotations

import ssl

import pytest

pytest.importorskip("cryptography")

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey

from ferrofeed.sim.tls import self_signed_context


def _shake(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> bytes:
    """A handshake in memory; gives the server's certificate, DER."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=host)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    left = {ours, theirs}
    for _ in range(10):
        for side in tuple(left):
            try:
                side.do_handshake()
                left.discard(side)
            except ssl.SSLWantReadError:
                pass
    assert not left
    certificate = ours.getpeercert(binary_form=True)
    assert certificate is not None
    return certificate


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_a_strict_client_takes_it_and_no_certificate_is_its_own_authority(host: str) -> None:
    server, pem = self_signed_context()
    client = ssl.create_default_context(cadata=pem.decode())
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    leaf = x509.load_der_x509_certificate(_shake(server, client, host))
    # rustls refuses an authority's certificate in a server's place
    assert leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    authority = x509.load_pem_x509_certificate(pem)
    assert leaf.issuer == authority.subject
    key = authority.public_key()
    assert isinstance(key, EllipticCurvePublicKey)
    assert leaf.signature_hash_algorithm is not None
    key.verify(leaf.signature, leaf.tbs_certificate_bytes, ECDSA(leaf.signature_hash_algorithm))


def test_another_name_or_an_unknown_authority_is_refused() -> None:
    server, pem = self_signed_context(("sim.example",))
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        _shake(server, ssl.create_default_context(cadata=pem.decode()), "localhost")
    _, stranger = self_signed_context(("sim.example",))
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake(server, ssl.create_default_context(cadata=stranger.decode()), "sim.example")

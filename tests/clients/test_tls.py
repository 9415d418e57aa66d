"""Both clients over TLS: whose word they take, and that an attempt ends in time there too."""

import ipaddress
import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.utils.timezone import now

from fraudapp_client import NoAnswerError
from tests.clients.calling import DECIDED, payment
from tests.clients.faulty_server import answer, drip_body, faulty_server, hang


@pytest.fixture
def certificate(tmp_path) -> Path:
    """Of 127.0.0.1, signed by itself; certificate and key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    addresses = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - timedelta(days=1))
        .not_valid_after(now() + timedelta(days=1))
        .add_extension(addresses, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path = tmp_path / "server.pem"
    path.write_bytes(made.public_bytes(pem) + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return path


@pytest.fixture
def secure(certificate):
    with faulty_server(certificate=certificate) as server:
        yield server


@pytest.fixture
def trusting(certificate) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


def test_a_payment_is_decided_by_a_server_whose_authority_is_known(connect, secure, trusting):
    secure.will(answer(201, DECIDED))
    client = connect(secure.url, ssl_context=trusting, deadline=60.0, attempt_timeout=60.0)

    decided = [client.decide(payment()).outcome for _ in range(2)]

    assert decided == ["review", "review"]
    assert len({sent.port for sent in secure.received}) == 1


def test_a_server_nobody_vouches_for_is_told_nothing(connect, secure):
    secure.will(answer(201, DECIDED))

    with pytest.raises(NoAnswerError) as caught:
        connect(secure.url, deadline=1.0).decide(payment())

    assert "certificate" in str(caught.value.__cause__)
    assert not caught.value.is_outcome_unknown
    assert secure.received == []


@pytest.mark.parametrize("fault", [hang, drip_body])
def test_an_attempt_ends_in_time(connect, secure, trusting, fault):
    secure.will(fault)

    with pytest.raises(NoAnswerError):
        connect(secure.url, ssl_context=trusting, deadline=1.0, attempt_timeout=0.4).decide(payment())

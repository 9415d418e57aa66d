"""Signatures as the specification "Standard Webhooks" has them, made here by hand."""

import base64
import hashlib
import hmac

from scoring.webhooks.signing import message_id_of, new_secret, signed_headers

# The vector of the specification's reference libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, TIMESTAMP, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def headers_of(*secret_texts: str, body: bytes = BODY) -> dict[str, str]:
    return signed_headers(message_id=ID, timestamp=TIMESTAMP, body=body, secret_texts=secret_texts)


def test_the_published_vector_is_met():
    assert headers_of(SECRET) == {
        "webhook-id": ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": SIGNATURE,
    }


def test_a_signature_is_the_hmac_of_id_timestamp_and_body():
    body = '{"name": "Åsa ≤ 1"}'.encode()
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    digest = hmac.new(key, b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330." + body, hashlib.sha256).digest()

    assert headers_of(SECRET, body=body)["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"


def test_two_secrets_give_two_signatures_with_a_space_between():
    other = new_secret()

    first, second = headers_of(other, SECRET)["webhook-signature"].split(" ")

    assert (first, second) == (headers_of(other)["webhook-signature"], SIGNATURE)


def test_a_secret_is_32_random_bytes():
    one, other = new_secret(), new_secret()

    assert one != other
    assert one.startswith("whsec_")
    assert len(base64.b64decode(one.removeprefix("whsec_"), validate=True)) == 32


def test_the_id_of_a_message_follows_from_its_content():
    assert message_id_of(BODY) == message_id_of(bytes(BODY))
    assert message_id_of(BODY) != message_id_of(BODY + b" ")
    assert "." not in message_id_of(BODY)

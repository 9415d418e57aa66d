"""One call to an endpoint: pinned to a checked address, bounded in time and size."""

import threading
from ipaddress import ip_address, ip_network

import httpcore
import pytest
from cryptography import x509

from streams.webhooks import posting
from streams.webhooks.posting import ANSWER_BYTES, PinnedBackend, backend_for, look_up, post
from tests.streams.webhook_receiver import answer, receiver
from tests.streams.webhook_tls import server_tls

LOOPBACK = [ip_network("127.0.0.1/32")]
PUBLIC, OTHER_PUBLIC, PRIVATE = "93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "10.0.0.5"


@pytest.fixture(autouse=True)
def _loopback_is_allowed(settings):
    settings.WEBHOOK_ALLOWED_NETWORKS = LOOPBACK


def call(url, backend=None):
    return post(url, b'{"a": 1}', {"webhook-id": "msg_1"}, backend=backend or backend_for(url))


class Network:
    """A name server that gives another answer each time, and hosts that only note who calls them."""

    def __init__(self, *answers: list[str], refuses: tuple[str, ...] = ()) -> None:
        self.answers, self.refuses = list(answers), refuses
        self.asked: list[str] = []
        self.called: list[str] = []

    def resolve(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return self.answers.pop(0)

    def connect(self, address: str, port: int, seconds: float) -> httpcore.NetworkStream:
        self.called.append(address)
        if address in self.refuses:
            raise httpcore.ConnectError("refused")
        return httpcore.MockStream([b"HTTP/1.1 204 No Content\r\n\r\n"])

    def backend(self, *, is_plain: bool = False) -> PinnedBackend:
        return PinnedBackend(allowed=LOOPBACK, is_plain=is_plain, resolve=self.resolve, connect=self.connect)


# --- where it goes -------------------------------------------------------------------------------------------------


def test_the_address_that_was_checked_is_the_one_that_is_called():
    network = Network([PUBLIC], [PRIVATE])

    assert call("https://shop.example/hook", network.backend()).status == 204
    assert (network.asked, network.called) == (["shop.example"], [PUBLIC])


def test_a_host_that_moves_into_the_private_network_is_refused_at_the_next_call():
    network = Network([PUBLIC], [PRIVATE])
    backend = network.backend()
    call("https://shop.example/hook", backend)

    second = call("https://shop.example/hook", backend)

    assert second.status is None
    assert "shop.example is 10.0.0.5" in second.error
    assert network.called == [PUBLIC]


def test_of_several_addresses_only_the_public_ones_are_called():
    network = Network([PRIVATE, "169.254.169.254", PUBLIC])

    call("https://shop.example/hook", network.backend())

    assert network.called == [PUBLIC]


def test_an_address_that_does_not_answer_leaves_it_to_the_next():
    network = Network([OTHER_PUBLIC, PUBLIC], refuses=(OTHER_PUBLIC,))

    assert call("https://shop.example/hook", network.backend()).status == 204
    assert network.called == [OTHER_PUBLIC, PUBLIC]


def test_plain_http_goes_to_named_networks_only():
    network = Network([PUBLIC], ["127.0.0.1"])

    refused = call("http://shop.example/hook", network.backend(is_plain=True))
    taken = call("http://shop.example/hook", network.backend(is_plain=True))

    assert "without TLS" in refused.error
    assert taken.status == 204
    assert network.called == ["127.0.0.1"]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "localhost", "0.0.0.0", "[::1]", "[::]"]
)
def test_this_machine_is_not_called_however_it_is_written(settings, shop, host):
    settings.WEBHOOK_ALLOWED_NETWORKS = []

    for scheme in ("http", "https"):
        assert "webhooks are not sent there" in call(f"{scheme}://{host}:{shop.port}/").error
    assert shop.got == []


def test_a_host_that_no_name_server_can_know_is_said_so():
    assert "cannot be looked up" in call(f"https://{'x' * 64}.example/").error


def test_the_system_resolver_gives_addresses():
    assert ip_address(look_up("127.0.0.1", 80)[0]).is_loopback


# --- what is sent and read -----------------------------------------------------------------------------------------


def test_the_message_is_posted_as_json_to_path_and_query(shop):
    taken = call(shop.url)

    ((path, headers, body),) = shop.got
    assert (taken.status, taken.is_delivered) == (204, True)
    assert (path, body) == ("/hook?from=desk", b'{"a": 1}')
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == "msg_1"
    assert headers["host"] == f"127.0.0.1:{shop.port}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(shop, status):
    with receiver() as elsewhere:
        shop.replies = [answer(status, location=elsewhere.url)]

        taken = call(shop.url)

        assert (taken.status, taken.is_delivered) == (status, False)
        assert elsewhere.got == []


def test_of_a_huge_answer_only_the_beginning_is_read(shop):
    sent = threading.Event()

    def pour(handler):
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 65_536)
        except OSError:
            sent.set()

    shop.replies = [pour]

    taken = call(shop.url)

    assert taken.is_delivered
    assert taken.body == b"x" * ANSWER_BYTES
    assert sent.wait(10)


def test_who_says_200_and_stops_in_the_middle_of_the_body_has_the_message(shop):
    def stop_short(handler):
        handler.send_response(200)
        handler.send_header("content-length", "1000")
        handler.end_headers()
        handler.wfile.write(b"tha")

    shop.replies = [stop_short]

    taken = call(shop.url)

    assert (taken.is_delivered, taken.body) == (True, b"tha")


def test_an_answer_that_does_not_come_is_given_up(shop, monkeypatch):
    monkeypatch.setattr(posting, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(posting, "CONNECT_SECONDS", 0.2)
    shop.replies = [lambda handler: shop.is_over.wait(30)]

    taken = call(shop.url)

    assert taken.status is None
    assert taken.error.startswith("No answer within")


def test_an_answer_letter_by_letter_is_given_up_too(shop, monkeypatch):
    monkeypatch.setattr(posting, "ANSWER_SECONDS", 0.4)
    monkeypatch.setattr(posting, "CONNECT_SECONDS", 0.2)

    def drip(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nx: ")
        while not shop.is_over.wait(0.05):
            handler.wfile.write(b"x")

    shop.replies = [drip]

    assert call(shop.url).error.startswith("No answer within")


@pytest.mark.parametrize("spoken", [b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000, b""])
def test_what_does_not_speak_http_is_an_error(shop, spoken):
    shop.replies = [lambda handler: handler.wfile.write(spoken)]

    taken = call(shop.url)

    assert taken.status is None
    assert taken.error


def test_a_port_where_nobody_listens_is_an_error():
    with receiver() as gone:
        url = gone.url

    assert call(url).error.startswith("ConnectError")


# --- TLS -----------------------------------------------------------------------------------------------------------


def _on_this_machine() -> PinnedBackend:
    """A name server that says every host is here."""
    return PinnedBackend(allowed=LOOPBACK, is_plain=False, resolve=lambda host, port: ["127.0.0.1"])


def test_a_certificate_for_the_name_in_the_url_is_taken_though_the_address_is_pinned(settings, tmp_path):
    tls, settings.WEBHOOK_CA_FILE = server_tls(tmp_path, x509.DNSName("shop.example"))

    with receiver(tls) as shop:
        taken = call(f"https://shop.example:{shop.port}/hook", _on_this_machine())

    assert taken.status == 204, taken.error
    assert shop.got[0][1]["host"] == f"shop.example:{shop.port}"


def test_a_certificate_for_another_name_is_refused(settings, tmp_path):
    tls, settings.WEBHOOK_CA_FILE = server_tls(tmp_path, x509.DNSName("other.example"))

    with receiver(tls) as shop:
        taken = call(f"https://shop.example:{shop.port}/hook", _on_this_machine())

    assert "certificate" in taken.error.lower()
    assert shop.got == []


def test_a_certificate_of_an_authority_nobody_knows_is_refused(settings, tmp_path):
    tls, _ = server_tls(tmp_path, x509.DNSName("shop.example"))

    with receiver(tls) as shop:
        taken = call(f"https://shop.example:{shop.port}/hook", _on_this_machine())

    assert "certificate verify failed" in taken.error
    assert shop.got == []


def test_an_address_in_the_url_is_what_the_certificate_must_name(settings, tmp_path):
    tls, settings.WEBHOOK_CA_FILE = server_tls(tmp_path, x509.IPAddress(ip_address("127.0.0.1")))

    with receiver(tls) as shop:
        assert call(shop.url).status == 204

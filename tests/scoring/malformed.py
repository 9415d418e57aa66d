"""Bodies that are no payment: a good one with one thing wrong, each with the field an answer has to name."""

import json
from dataclasses import dataclass
from typing import Any

import msgspec
from hypothesis import strategies as st

from scoring.transaction import Transaction
from tests.scoring.payments import fields_of

JSON = "application/json"
GOOD: dict[str, Any] = fields_of(
    customer_id="c-1",
    device_id="d-1",
    ip_address="192.0.2.7",
    merchant_category="5732",
    merchant_name="Café Nordic",
    merchant_country="SE",
    card_country="FR",
    billing_country="FR",
    channel="ecommerce",
    latitude=48.8,
    longitude=2.3,
    extra={"basket": 3, "coupons": ["a"]},
)
REQUIRED = [field.name for field in msgspec.structs.fields(Transaction) if field.required]
_TEXTS = sorted(GOOD.keys() - {"amount", "latitude", "longitude", "extra"})
_PATTERNS = sorted(set(_TEXTS) - {"merchant_name"})
_NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
_SURROGATES = st.integers(0xD800, 0xDFFF).map(lambda code: f"\\u{code:04x}")


@dataclass(frozen=True)
class Malformed:
    """What is sent. `field`: what has to be named; "" the whole; None: some field, whichever."""

    body: bytes
    field: str | None = ""
    content_type: str = JSON


def _good_but(field: str, value: Any) -> Malformed:
    return Malformed(json.dumps(GOOD | {field: value}).encode(), field)


def _raw(field: str, raw: str) -> Malformed:
    """With a value that is written as it is, JSON or not."""
    mark = "@here@"
    return Malformed(json.dumps(GOOD | {field: mark}).replace(f'"{mark}"', raw).encode(), field)


def _in_place_of(field: str) -> st.SearchStrategy[Any]:
    """Values of another type than the field's."""
    others: list[st.SearchStrategy[Any]] = [st.booleans(), st.lists(st.integers(), max_size=3)]
    if field in REQUIRED:
        others.append(st.none())
    if field != "extra":
        others.append(st.dictionaries(st.text(max_size=5), st.integers(), max_size=2))
    if field in (*_TEXTS, "extra"):
        others.append(_NUMBERS)
    if field not in _TEXTS:
        others.append(st.text(alphabet="abcxyz /", min_size=1, max_size=20))
    return st.one_of(others)


wrong_type = st.sampled_from(sorted(GOOD)).flatmap(
    lambda field: _in_place_of(field).map(lambda value: _good_but(field, value))
)
missing = st.sampled_from(REQUIRED).map(
    lambda field: Malformed(json.dumps({name: value for name, value in GOOD.items() if name != field}).encode(), field)
)
# What quotes a card number, or is long, is named only in part.
unknown = st.tuples(
    st.text(min_size=1, max_size=30).filter(lambda name: name not in GOOD and name.isprintable() and name.isalpha()),
    st.one_of(st.none(), st.integers(), st.text(max_size=10)),
).map(lambda pair: Malformed(json.dumps(GOOD | {pair[0]: pair[1]}).encode(), pair[0]))
twice = st.sampled_from(sorted(GOOD)).flatmap(
    lambda field: st.sampled_from([", ", " ,\n", ",\t"]).map(
        lambda comma: Malformed(
            json.dumps(GOOD)[:-1].encode() + f"{comma}{json.dumps(field)} : {json.dumps(GOOD[field])}}}".encode(), field
        )
    )
)
twice_within = (
    st.text(alphabet="abcdef", min_size=1, max_size=5)
    .map(lambda name: _raw("extra", f'{{"{name}": 1, "{name}": 2}}'))
    .map(lambda one: Malformed(one.body, None))
)
no_number = st.tuples(
    st.sampled_from(["amount", "latitude", "extra"]),
    st.sampled_from(["NaN", "Infinity", "-Infinity", "nan", "1e", "0x10", "01", "1_000", "+1", ".5", "1.", "--1"]),
).map(lambda pair: Malformed(_raw(*pair).body, None))
large_number = st.one_of(
    st.integers(1, 400).map(lambda digits: _raw("amount", "9" * (14 + digits))),
    st.integers(20, 999_999).map(lambda power: _raw("amount", f"1e{power}")),
    st.integers(5, 300).map(lambda power: _raw("amount", f"1e-{power}")),
    st.floats(min_value=90.001, max_value=1e308).map(lambda value: _good_but("latitude", value)),
    st.floats(max_value=-180.001, min_value=-1e308).map(lambda value: _good_but("longitude", value)),
    st.integers(max_value=0).map(lambda value: _good_but("amount", value)),
    st.decimals(max_value=0, allow_nan=False, allow_infinity=False).map(
        lambda value: _good_but("amount", f"{value:f}")
    ),
    st.integers(17, 300).map(lambda power: _raw("extra", f'{{"a": 1e{power}}}')),
)
surrogate = st.tuples(st.sampled_from(_TEXTS), _SURROGATES).map(
    lambda pair: Malformed(_raw(pair[0], f'"a{pair[1]}"').body, None)
)
surrogate_deeper = _SURROGATES.map(lambda code: Malformed(_raw("extra", f'{{"a": ["{code}"]}}').body, None))
nul = st.sampled_from(_TEXTS).map(lambda field: _good_but(field, "a\x00b"))
nul_deeper = st.sampled_from([{"a": "\x00"}, {"\x00": 1}, {"a": ["\x00b"]}]).map(
    lambda value: _good_but("extra", value)
)
deep = st.one_of(
    st.integers(4, 6_000).map(
        lambda levels: Malformed(_raw("extra", '{"a": ' + "[" * levels + "]" * levels + "}").body, None)
    ),
    st.integers(4, 2_000).map(
        lambda levels: Malformed(_raw("extra", '{"a":' * levels + "1" + "}" * levels).body, None)
    ),
    st.integers(1, 16_000).map(lambda levels: Malformed(b"[" * levels)),
)
truncated = st.integers(0, len(json.dumps(GOOD)) - 1).map(lambda end: Malformed(json.dumps(GOOD).encode()[:end]))
followed = (
    st.binary(min_size=1, max_size=20)
    .filter(lambda rest: rest.strip(b" \t\r\n"))
    .map(lambda rest: Malformed(json.dumps(GOOD).encode() + rest))
)
binary = (
    st.binary(max_size=300).filter(lambda body: not body.lstrip(b" \t\r\n").startswith((b"{", b"["))).map(Malformed)
)
no_object = st.one_of(
    st.none(), st.booleans(), _NUMBERS, st.text(max_size=20), st.lists(st.integers(), max_size=5), st.just([GOOD])
).map(lambda value: Malformed(json.dumps(value).encode()))
encoded = st.sampled_from(["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "latin-1", "cp037"]).map(
    lambda name: Malformed(json.dumps(GOOD, ensure_ascii=False).encode(name), None)
)
wrong_text = st.one_of(
    st.sampled_from(["eur", "EURO", "E1R", "", "EUR\n", "ÉUR"]).map(lambda value: _good_but("currency", value)),
    st.sampled_from(
        [
            "",
            "soon",
            "2026-11-20",
            "2026-11-20T12:00:00",
            "2999-01-01T00:00:00Z",
            "1969-01-01T00:00:00Z",
            "2026-13-01T00:00:00Z",
        ]
    ).map(lambda value: _good_but("occurred_at", value)),
    st.sampled_from(["4111111111111111", "4111 1111 1111 1111", "5500-0000-0000-0004"]).map(
        lambda value: _good_but("card_id", value)
    ),
    st.sampled_from(["fe80::1%eth0", "1.2.3", "1.2.3.4/8", "host", "1.2.3.256", ""]).map(
        lambda value: _good_but("ip_address", value)
    ),
    st.tuples(st.sampled_from(_PATTERNS), st.text(min_size=65, max_size=80)).map(lambda pair: _good_but(*pair)),
    st.integers(129, 3_000).map(lambda length: _good_but("merchant_name", "x" * length)),
    st.sampled_from(["latitude", "longitude"]).map(lambda field: _good_but(field, None)),
)
too_large = st.integers(4_097, 30_000).map(lambda size: Malformed(_good_but("extra", {"a": "x" * size}).body, None))
not_json = st.sampled_from(
    [
        "text/plain",
        "application/xml",
        "multipart/form-data",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "",
    ]
).map(lambda kind: Malformed(json.dumps(GOOD).encode(), None, kind))

bodies = st.one_of(
    wrong_type, missing, unknown, twice, twice_within, no_number, large_number, surrogate, surrogate_deeper, nul,
    nul_deeper, deep, truncated, followed, binary, no_object, encoded, wrong_text, too_large, not_json,
)  # fmt: skip


def others_of(good: dict[str, Any], wrong: dict[str, list[Any]]) -> st.SearchStrategy[Malformed]:
    """The same of a body that a serializer reads; `wrong`: for each field values that it may not have."""
    whole = json.dumps(good)
    pairs = [(field, value) for field, values in wrong.items() for value in values]
    texts = [field for field, value in good.items() if isinstance(value, str)]
    return st.one_of(
        st.sampled_from(pairs).map(lambda pair: Malformed(json.dumps(good | {pair[0]: pair[1]}).encode(), pair[0])),
        st.tuples(
            st.sampled_from(sorted(good)), st.one_of(st.just(True), st.lists(st.integers()), st.just({"a": 1}))
        ).map(lambda pair: Malformed(json.dumps(good | {pair[0]: [pair[1]]}).encode(), None)),
        st.tuples(
            st.text(min_size=1, max_size=20).filter(lambda name: name not in wrong and name not in good),
            st.integers(),
        ).map(lambda pair: Malformed(json.dumps(good | {pair[0]: pair[1]}).encode(), pair[0])),
        st.sampled_from(sorted(good)).map(
            lambda field: Malformed(f"{whole[:-1]}, {json.dumps(field)}: {json.dumps(good[field])}}}".encode(), field)
        ),
        st.sampled_from(texts).map(lambda field: Malformed(json.dumps(good | {field: "a\x00"}).encode(), field)),
        st.tuples(st.sampled_from(texts), _SURROGATES).map(
            lambda pair: Malformed(json.dumps(good | {pair[0]: "@"}).replace('"@"', f'"a{pair[1]}"').encode(), pair[0])
        ),
        st.integers(1, len(whole) - 1).map(lambda end: Malformed(whole[:end].encode())),
        st.integers(1, 20_000).map(lambda levels: Malformed(b"[" * levels)),
        st.integers(100, 20_000).map(lambda levels: Malformed(b'{"note":' * levels)),
        st.sampled_from(["utf-16", "utf-32", "utf-8-sig", "cp037"]).map(lambda name: Malformed(whole.encode(name))),
        st.sampled_from(["NaN", "-Infinity", "0x1", "1e", "9" * 5_000]).map(
            lambda raw: Malformed(f'{whole[:-1]}, "more": {raw}}}'.encode())
        ),
        st.integers(262_145, 300_000).map(lambda size: Malformed(whole.encode() + b" " * size)),
        binary.filter(lambda one: one.body != b""),
        no_object.filter(lambda one: one.body != b"null"),
        not_json.map(lambda one: Malformed(whole.encode(), None, one.content_type)),
    )


def is_object(body: bytes) -> bool:
    """Whether it is JSON that says something, and an object, so that a field can be named."""
    try:
        value = json.loads(body.decode(), parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict)


def _refuse(name: str) -> None:
    raise ValueError(name)

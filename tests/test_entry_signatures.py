"""Whose requests are taken for Twilio's. What Twilio would have sent is computed here with `hmac`, by its own rules."""

import hmac
import logging
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator

from engine.signatures import SETTINGS, SIGNATURE, Signatures, Signed, form
from tests.server_rig import MEDIA_URL, PUBLIC_URL, TOKEN, UPGRADE, serving

SHARED = "shared-key-secret"
SETTING = "key=webhooks_sharedkey_01,algorithm=HMAC_SHA256"
CALL_SID = "CA" + "1" * 32
FIELDS = {"CallSid": CALL_SID, "From": "+15550100", "Empty": ""}
WEBHOOK = f"{PUBLIC_URL}/twiml"
BODY = urlencode(FIELDS).encode()


def twilio_signs(url: str, text: str = "", key: str = TOKEN, algorithm: str = "sha1") -> str:
    """`text`: each field's name and value, in the order of the names."""
    return b64encode(hmac.digest(key.encode(), (url + text).encode(), algorithm)).decode()


SIGNED_TEXT = f"CallSid{CALL_SID}EmptyFrom+15550100"


def webhook(public_url: str, signed: Signed, query: str = "", body: bytes = BODY) -> str | None:
    """Why a webhook is refused by a server with one auth token and one shared key."""
    return Signatures([TOKEN], [SHARED], public_url).why_not_webhook(signed, query, form(body))


def upgrade(public_url: str, signed: Signed) -> str | None:
    return Signatures([TOKEN], [SHARED], public_url).why_not_upgrade(signed)


@pytest.mark.parametrize(
    ("public_url", "signed_url"),
    [
        ("https://h.example", "https://h.example/twiml"),
        ("https://h.example/", "https://h.example/twiml"),
        ("wss://h.example", "https://h.example/twiml"),
        ("http://h.example", "http://h.example/twiml"),
        ("https://h.example/voice/eu", "https://h.example/voice/eu/twiml"),
        ("https://h.example", "https://h.example/twiml/"),
        # A port that goes without saying: said or not, by us or by Twilio.
        ("https://h.example", "https://h.example:443/twiml"),
        ("https://h.example:443", "https://h.example/twiml"),
        ("https://h.example:443", "https://h.example:443/twiml"),
        ("http://h.example", "http://h.example:80/twiml"),
        ("http://h.example:80", "http://h.example/twiml"),
        # Another is part of the address; Twilio may leave it out all the same.
        ("https://h.example:8443", "https://h.example:8443/twiml"),
        ("https://h.example:8443", "https://h.example/twiml"),
        ("http://[::1]:8080", "http://[::1]:8080/twiml"),
        ("http://[::1]:8080", "http://[::1]/twiml"),
        ("http://[::1]", "http://[::1]/twiml"),
        ("http://[::1]", "http://[::1]:80/twiml"),
    ],
)
def test_a_webhook_may_be_signed_over_these_spellings(public_url: str, signed_url: str) -> None:
    assert webhook(public_url, Signed(twilio_signs(signed_url, SIGNED_TEXT))) is None


@pytest.mark.parametrize(
    ("public_url", "signed_url"),
    [
        ("https://h.example", "wss://h.example/media"),
        ("https://h.example", "wss://h.example/media/"),
        ("https://h.example", "wss://h.example:443/media"),
        ("https://h.example", "wss://h.example:443/media/"),
        ("wss://h.example:443", "wss://h.example/media"),
        ("https://h.example:8443/voice/", "wss://h.example:8443/voice/media"),
        ("http://127.0.0.1:9000", "ws://127.0.0.1:9000/media"),
        ("http://h.example", "ws://h.example:80/media"),
    ],
)
def test_an_upgrade_may_be_signed_over_these_spellings(public_url: str, signed_url: str) -> None:
    assert upgrade(public_url, Signed(twilio_signs(signed_url))) is None


@pytest.mark.parametrize(
    ("public_url", "signed_url"),
    [
        ("https://h.example", "http://h.example/twiml"),
        ("https://h.example", "wss://h.example/twiml"),
        ("https://h.example", "https://h.example/media"),
        ("https://h.example", "https://h.example/twiml//"),
        ("https://h.example", "https://h.example/twiml?"),
        ("https://h.example", "https://h.example/twiml#"),
        ("https://h.example", "https://h.example:80/twiml"),
        ("https://h.example", "https://h.example:8443/twiml"),
        ("https://h.example:8443", "https://h.example:443/twiml"),
        ("https://h.example/voice", "https://h.example/twiml"),
        ("https://h.example", "https://h.example.evil.example/twiml"),
        ("https://h.example", "https://evil.example/twiml"),
    ],
)
def test_a_webhook_signed_over_another_address_is_refused(public_url: str, signed_url: str) -> None:
    why = webhook(public_url, Signed(twilio_signs(signed_url, SIGNED_TEXT)))
    assert why == (
        f"X-Twilio-Signature is not right: it must be made with TWILIO_AUTH_TOKEN over {public_url}/twiml"
        " (from PUBLIC_URL)"
    )


@pytest.mark.parametrize(
    "signed_url",
    ["wss://h.example:80/media", "https://h.example/media", "ws://h.example/media", "wss://h.example/twiml"],
)
def test_an_upgrade_signed_over_another_address_is_refused(signed_url: str) -> None:
    """The first of them the `twilio` package would take: it thinks that the port of wss is 80."""
    assert upgrade("https://h.example", Signed(twilio_signs(signed_url))) is not None


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", ""),
        (b"B=2&A=1", "A1B2"),
        (b"A=&B=", "AB"),
        (b"A=2&A=1", "A1A2"),
        (b"A=1&A=1", "A1"),
        (b"a=1&B=2", "B2a1"),
        (b"A=%C3%BC+%2B", "Aü +"),
    ],
    ids=["none", "out-of-order", "empty", "twice", "twice-the-same", "capitals-first", "escapes"],
)
def test_the_fields_of_a_form_are_signed_like_this(body: bytes, text: str) -> None:
    assert webhook(PUBLIC_URL, Signed(twilio_signs(WEBHOOK, text)), body=body) is None
    assert webhook(PUBLIC_URL, Signed(twilio_signs(WEBHOOK, text + "x")), body=body) is not None


@pytest.mark.parametrize("body", [b"A=%FF", b"A=\xff"])
def test_a_form_that_is_not_utf_8_is_nobodys(body: bytes) -> None:
    """Nobody knows what Twilio would have signed; so it is not taken for anything, and nothing breaks."""
    for text in ("A", "Aÿ", "A\\xff", "A%FF"):
        assert webhook(PUBLIC_URL, Signed(twilio_signs(WEBHOOK, text)), body=body) is not None


def test_a_query_behind_the_webhook_is_signed_with_it() -> None:
    """A user may have put one there. It is part of what Twilio signs, so nobody can add to it."""
    signed = Signed(twilio_signs(f"{WEBHOOK}?line=2&x=%20", SIGNED_TEXT))
    assert webhook(PUBLIC_URL, signed, "line=2&x=%20") is None
    assert webhook(PUBLIC_URL, signed, "line=3&x=%20") is not None
    assert webhook(PUBLIC_URL, signed) is not None
    why = webhook(PUBLIC_URL, Signed("x"), "secret=1")
    assert why is not None
    assert "secret" not in why


MISSING = f"X-Twilio-Signature is missing: it must be made with TWILIO_AUTH_TOKEN over {WEBHOOK} (from PUBLIC_URL)"
WRONG = MISSING.replace("is missing", "is not right")
RIGHT = twilio_signs(WEBHOOK, SIGNED_TEXT)
RIGHT_SHARED = twilio_signs(WEBHOOK, SIGNED_TEXT, SHARED, "sha256")


@pytest.mark.parametrize(
    ("signed", "why"),
    [
        (Signed(RIGHT), None),
        (Signed(None), MISSING),
        (Signed(""), WRONG),
        (Signed("é"), WRONG),
        (Signed(RIGHT + "="), WRONG),
        (Signed(RIGHT[:-1]), WRONG),
        (Signed(RIGHT.swapcase()), WRONG),
        (Signed(f"{RIGHT}, {RIGHT}"), WRONG),
        (Signed(twilio_signs(WEBHOOK, SIGNED_TEXT, "other")), WRONG),
        (Signed(twilio_signs(WEBHOOK, SIGNED_TEXT, algorithm="sha256")), WRONG),
    ],
)
def test_what_is_in_the_header(signed: Signed, why: str | None) -> None:
    assert webhook(PUBLIC_URL, signed) == why


SHARED_MISSING = MISSING.replace("TWILIO_AUTH_TOKEN", "TWILIO_SIGNATURE_KEY")
SHARED_WRONG = WRONG.replace("TWILIO_AUTH_TOKEN", "TWILIO_SIGNATURE_KEY")
UNKNOWN = (
    "X-Twilio-Webhooks-Signature-Settings names an algorithm that is not known here; it must be HMAC_SHA1 or"
    " HMAC_SHA256"
)


@pytest.mark.parametrize(
    ("signed", "why"),
    [
        (Signed(RIGHT_SHARED, SETTING), None),
        (Signed(RIGHT_SHARED, " algorithm = hmac_sha256 , key=x"), None),
        (Signed(twilio_signs(WEBHOOK, SIGNED_TEXT, SHARED), "key=x"), None),
        (Signed(twilio_signs(WEBHOOK, SIGNED_TEXT, SHARED), "key=x,algorithm=HMAC_SHA1"), None),
        # An empty header is none: it is the account's token again.
        (Signed(RIGHT, ""), None),
        (Signed(RIGHT_SHARED), WRONG),
        (Signed(RIGHT_SHARED, ""), WRONG),
        # The header is not signed, so it must not let the one key stand for the other, nor the weaker hash.
        (Signed(RIGHT, SETTING), SHARED_WRONG),
        (Signed(twilio_signs(WEBHOOK, SIGNED_TEXT, TOKEN, "sha256"), SETTING), SHARED_WRONG),
        (Signed(twilio_signs(WEBHOOK, SIGNED_TEXT, SHARED), SETTING), SHARED_WRONG),
        (Signed(None, SETTING), SHARED_MISSING),
        (Signed(RIGHT_SHARED, "key=x,algorithm=HMAC_SHA512"), UNKNOWN),
        (Signed(RIGHT_SHARED, "algorithm=none"), UNKNOWN),
        (Signed(RIGHT_SHARED, f"{SETTING}, {SETTING}"), None),
    ],
)
def test_a_shared_key_signs_instead_of_the_auth_token(
    signed: Signed, why: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    assert webhook(PUBLIC_URL, signed) == why
    # The package would warn, in words that anybody could choose.
    assert caplog.records == []
    assert logging.getLogger("twilio").handlers == []


def test_a_key_that_is_not_set_is_named() -> None:
    only_token, only_shared = Signatures([TOKEN], [], PUBLIC_URL), Signatures([], [SHARED], PUBLIC_URL)
    fields = form(BODY)
    assert only_shared.why_not_webhook(Signed(RIGHT_SHARED, SETTING), "", fields) is None
    assert only_token.why_not_webhook(Signed(RIGHT_SHARED, SETTING), "", fields) == (
        "the request is signed with a SharedKey, and TWILIO_SIGNATURE_KEY is not set"
    )
    assert only_shared.why_not_webhook(Signed(RIGHT), "", fields) == (
        "the request is signed with the account's auth token, and TWILIO_AUTH_TOKEN is not set"
    )


def test_while_a_key_is_exchanged_either_signs() -> None:
    both = Signatures(["old", "new"], ["old-shared", "new-shared"], PUBLIC_URL)
    for which in ("old", "new"):
        assert both.why_not_upgrade(Signed(twilio_signs(MEDIA_URL, key=which))) is None
        shared = twilio_signs(MEDIA_URL, key=f"{which}-shared", algorithm="sha256")
        assert both.why_not_upgrade(Signed(shared, SETTING)) is None
    assert both.why_not_upgrade(Signed(twilio_signs(MEDIA_URL, key="old,new"))) is not None


def test_what_the_package_takes_is_taken_here() -> None:
    """But for the port 80 of wss: every https spelling that its `validate` passes."""
    validator = RequestValidator(TOKEN)
    for public_url in ("https://h.example", "https://h.example:443", "https://h.example:8443", "http://h.example/a"):
        for port in ("", ":443", ":80", ":8443"):
            scheme, _, rest = public_url.partition("://")
            host, slash, path = rest.partition("/")
            signed_url = f"{scheme}://{host.partition(':')[0]}{port}{slash}{path}/twiml"
            signature = twilio_signs(signed_url, SIGNED_TEXT)
            if validator.validate(f"{public_url}/twiml", FIELDS, signature):
                assert webhook(public_url, Signed(signature)) is None, (public_url, signed_url)


# Through the server


async def status(calls_dir: Path, path: str, headers: Mapping[str, str], body: bytes, **changes: object) -> int:
    async with serving(calls_dir, **changes) as rig:
        return (await rig.ask("POST", path, headers, body))[0]


@pytest.mark.parametrize("path", ["/twiml", "/twiml/", "/voice/eu/twiml", "/voice/eu/twiml/"])
async def test_a_proxy_may_strip_the_path_of_the_public_url_or_leave_it(tmp_path: Path, path: str) -> None:
    """And whatever it says about itself is not believed, neither for better nor for worse."""
    public = "https://calls.example.com/voice/eu"
    headers = {
        SIGNATURE: twilio_signs(f"{public}/twiml", SIGNED_TEXT),
        "Host": "10.0.0.7:8080",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil.example, calls.example.com",
        "Forwarded": "host=evil.example;proto=http",
    }
    assert await status(tmp_path, path, headers, BODY, public_url=public) == 200
    evil = headers | {SIGNATURE: twilio_signs("http://evil.example/twiml", SIGNED_TEXT)}
    assert await status(tmp_path, path, evil, BODY, public_url=public) == 403


async def test_two_signatures_are_none(tmp_path: Path) -> None:
    """A request may say one thing to a proxy and another to us: who says it twice has said nothing."""
    head = f"POST /twiml HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n"
    for twice in (RIGHT, "x"), ("x", RIGHT), (RIGHT, RIGHT):
        async with serving(tmp_path) as rig, await rig.connect() as stream:
            lines = "".join(f"{SIGNATURE}: {one}\r\n" for one in twice)
            await stream.send_all(f"{head}{lines}\r\n".encode() + BODY)
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize(
    ("content_type", "answered"),
    [
        ("application/x-www-form-urlencoded; charset=UTF-8", 200),
        ("application/X-WWW-Form-URLEncoded", 200),
        ("application/json", 415),
        ("multipart/form-data; boundary=x", 415),
        ("", 415),
    ],
)
async def test_a_voice_webhook_is_a_form(tmp_path: Path, content_type: str, answered: int) -> None:
    """Twilio sends JSON for other products, signed with a hash of the body in the query; none of them is a call."""
    headers = {SIGNATURE: RIGHT, "Content-Type": content_type}
    assert await status(tmp_path, "/twiml", headers, BODY) == answered


async def test_a_shared_key_through_the_server(tmp_path: Path) -> None:
    headers = {SIGNATURE: RIGHT_SHARED, SETTINGS: SETTING}
    assert await status(tmp_path, "/twiml", headers, BODY, signature_key=SHARED, auth_token=None) == 200
    assert await status(tmp_path, "/twiml", headers, BODY) == 403
    async with serving(tmp_path, signature_key=SHARED, auth_token=None) as rig:
        signed = {SIGNATURE: twilio_signs(MEDIA_URL, key=SHARED, algorithm="sha256"), SETTINGS: SETTING}
        assert (await rig.ask("GET", "/media", UPGRADE | signed | {"Sec-WebSocket-Version": "8"}))[0] == 426
        assert (await rig.ask("GET", "/media", UPGRADE | {SIGNATURE: twilio_signs(MEDIA_URL)}))[0] == 403

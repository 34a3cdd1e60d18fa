"""Messages to browsers, held to the examples of RFC 8188, 8291 and 8292, and read by a reader of its own (`tests/kit/browser_push.py`)."""

import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag
from gateway.page import sealed

from tests.kit.browser_push import Subscriber, claims, coded, decoded, private, public, raw

# RFC 8188, 3.1 and 3.2: key, body, text
CODED = [
    ("yqdlZ-tYemfogSmv7Ws5PQ", "I1BsxtFttlv3u_Oo94xnmwAAEAAA-NAVub2qFgBEuQKRapoZu-IxkIva3MEB1PD-ly8Thjg"),
    ("BO3ZVPxUlnLORbVGMpbT1Q", "uNCkWiNYzKTnBN9ji3-qWAAAABkCYTHOG8chz_gnvgOqdGYovxyjuqRyJFjEDyoF1Fvkj6hQPdPHI51OEUKEpgz3SsLWIqS_uA"),
]
TEXT = b"I am the walrus"
# RFC 8291, section 5 and appendix A
WATERMELON = b"When I grow up, I want to be a watermelon"
AS_PRIVATE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
AS_PUBLIC = "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"
UA_PRIVATE = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
UA_PUBLIC = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
    "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)
# RFC 8292, 2.4
VAPID = (
    "vapid t=eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAiOjE0NTM1MjM3NjgsInN1YiI6"
    "Im1haWx0bzpwdXNoQGV4YW1wbGUuY29tIn0.i3CYb7t4xfxCDquptFOepC9GAu_HLGkMlMuCGSK2rpiUfnK9ojFwDXb1JrErtmysazNjjvW2L9OkSSHzvoD1oA, "
    "k=BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs"
)


def test_one_record_is_coded_as_rfc_8188_codes_it():
    key, body = CODED[0]
    assert coded(sealed.coded(TEXT, raw(key), b"", raw(body)[:16], len(TEXT))) == body


@pytest.mark.parametrize(("key", "body"), CODED)
def test_the_reader_reads_the_examples_of_rfc_8188(key, body):
    assert decoded(raw(body), raw(key)) == TEXT


def test_a_message_is_sealed_as_the_example_of_rfc_8291():
    own = private(AS_PRIVATE)
    assert (coded(public(own)), coded(public(private(UA_PRIVATE)))) == (AS_PUBLIC, UA_PUBLIC)
    made = sealed.sealed(WATERMELON, raw(UA_PUBLIC), raw(AUTH), own=own, salt=raw(SALT), length=len(WATERMELON))
    assert coded(made) == BODY
    assert Subscriber(private(UA_PRIVATE), raw(AUTH)).opened(raw(BODY)) == WATERMELON


def test_the_example_of_rfc_8292_is_believed_and_ours_has_its_form():
    assert claims(VAPID) | {"key": 0} == {"aud": "https://push.example.net", "exp": 1453523768, "sub": "mailto:push@example.com", "key": 0}
    own = sealed.made()
    made = sealed.vouched(own, "https://push.example.net", 1453523768.7, "mailto:push@example.com")
    assert len(made) == len(VAPID)
    assert made.partition(".")[0] == VAPID.partition(".")[0]
    said = claims(made)
    assert said == {"aud": "https://push.example.net", "exp": 1453523768 + 12 * 3600, "sub": "mailto:push@example.com", "key": public(own)}
    assert "sub" not in claims(sealed.vouched(own, "https://push.example.net", 1.0, ""))
    with pytest.raises(InvalidSignature):
        claims(made.replace(made.split(".")[1], VAPID.split(".")[1]))


def test_every_message_is_as_long_as_any_other_and_never_sealed_twice_alike():
    browser, other = Subscriber(), Subscriber()
    form = browser.form("https://push.example.net/1")
    bodies = [sealed.sealed(text, raw(form["p256dh"]), browser.auth) for text in (b"", b"a", b"a", b"x" * sealed.MESSAGE)]
    assert len({len(body) for body in bodies}) == 1
    assert len(bodies[0]) < 4096, "what every push service takes"
    assert len({body[:16] for body in bodies}) == len({body[21:86] for body in bodies}) == len(bodies), "salt and key are made anew"
    assert [browser.opened(body) for body in bodies] == [b"", b"a", b"a", b"x" * sealed.MESSAGE]
    for reader in (other, Subscriber(auth=browser.auth), Subscriber(private(UA_PRIVATE), browser.auth)):
        with pytest.raises(InvalidTag):
            reader.opened(bodies[1])
    with pytest.raises(ValueError, match="at most"):
        sealed.sealed(b"x" * (sealed.MESSAGE + 1), raw(form["p256dh"]), browser.auth)


def test_a_kept_key_is_the_same_key():
    own = sealed.made()
    assert sealed.point(sealed.from_kept(sealed.kept(own))) == sealed.point(own) == public(own)


@pytest.mark.parametrize("key", [b"", b"\x04" + bytes(64), raw(UA_PUBLIC)[:64], raw(UA_PUBLIC) + b"x", b"\x02" + raw(UA_PUBLIC)[1:33]])
def test_what_is_no_key_of_a_browser_is_none(key):
    assert sealed.is_point(raw(UA_PUBLIC))
    assert not sealed.is_point(key)

"""A secret is shown by nothing but ``reveal``, and no text that passes the masks holds one."""

from __future__ import annotations

import copy
import gc
import json
import pickle
from collections.abc import Mapping
from dataclasses import asdict, astuple
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferrofeed.config import Config, ConfigError, Secret, VenueConfig, redact, redact_url
from ferrofeed.spec import VenueSpec

SECRET = "s3cr3t/of+the=tests"
# printable, as the configuration demands, and unlike any word of ours: an unlucky draw must not look like a leak
values = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=4, max_size=40).map(
    "§{}§".format
)


def test_only_reveal_shows_it() -> None:
    secret = Secret(SECRET, source="env:NAME")
    assert secret.reveal() == SECRET
    assert secret.source == "env:NAME"
    assert [repr(secret), str(secret), f"{secret}", f"{secret!r:>15}", f"{secret:>5}"] == [
        "Secret('***')",
        "***",
        "***",
        "  Secret('***')",
        "  ***",
    ]
    assert "%s %r" % (secret, secret) == "*** Secret('***')"  # noqa: UP031
    assert not hasattr(secret, "__dict__")
    with pytest.raises(TypeError):
        json.dumps(secret)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_cannot_be_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match="a secret can't be pickled"):
        pickle.dumps(Secret(SECRET), protocol)


def test_copies_are_the_secret_itself() -> None:
    secret = Secret(SECRET)
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret


def test_it_equals_its_like_and_nothing_else() -> None:
    assert Secret(SECRET) == Secret(SECRET, source="elsewhere")
    assert Secret(SECRET) != Secret(SECRET + "x")
    assert Secret("ключ") == Secret("ключ")
    assert Secret(SECRET) != SECRET
    with pytest.raises(TypeError, match="unhashable"):
        hash(Secret(SECRET))


def test_dataclasses_that_hold_it_do_not_show_it() -> None:
    venue = VenueConfig("i", "itick", api_key=Secret(SECRET))
    for text in (repr(venue), str(venue), repr(asdict(venue)), repr(astuple(venue))):
        assert SECRET not in text
    assert hash(VenueConfig("i", "itick", api_key=Secret(SECRET))) == hash(venue)


@given(values, st.text(), st.text())
def test_every_form_of_it_is_masked(value: str, before: str, after: str) -> None:
    secret = Secret(value)
    forms = [
        value,
        quote(value),
        quote(value, safe=""),
        quote_plus(value),
        repr(value),
        json.dumps(value),
        json.dumps(value, ensure_ascii=False),
        repr(value.encode()),
    ]
    for form in forms:
        assert form.strip("'\"b") not in redact(f"{before}{form}{after}")
    assert secret.reveal() == value


def test_the_longer_of_two_goes_first() -> None:
    secrets = [Secret("abcd"), Secret("abcd-efgh"), Secret("")]
    assert redact("x abcd-efgh abcd y") == "x *** *** y"
    assert len(secrets) == 3


def test_text_without_secrets_stays_as_it_is() -> None:
    secret = Secret(SECRET)
    assert redact("nothing to see") == "nothing to see"
    assert secret.reveal() == SECRET


def test_the_masks_do_not_grow_with_secrets_long_gone() -> None:
    for number in range(1_000):
        Secret(f"passing-{number}")
    gc.collect()
    kept = Secret("one-that-stays")
    assert redact("passing-7 one-that-stays") == "passing-7 ***"
    assert kept.reveal() == "one-that-stays"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("wss://h/ws?business=crypto&apikey=K1&sign=ab", "wss://h/ws?business=crypto&apikey=***&sign=***"),
        ("wss://user:pass@h:1/ws", "wss://***@h:1/ws"),
        ("wss://h/ws?Token=K1", "wss://h/ws?Token=***"),
        ("wss://h/ws?business=crypto", "wss://h/ws?business=crypto"),
        ("wss://[h/ws?token=K1", "***"),
    ],
)
def test_urls_are_shown_without_credentials(url: str, shown: str) -> None:
    assert redact_url(url) == shown


# wherever somebody may put a credential: right, wrong, or in a file full of other mistakes
PLACES: list[Any] = [
    lambda value: {"api_key": f"plain:{value}"},
    lambda value: {"api_key": value},
    lambda value: {"api_key": [value]},
    lambda value: {"api_key": {"value": value}},
    lambda value: {"api_key": f"env:{value}"},
    lambda value: {"api_key": f"credential:{value}"},
    lambda value: {"api_key": f"{value}:x"},
    lambda value: {"api_key": f"plain:{value}", "api_secret": value, "kind": "zario"},
    lambda value: {"api_key": f"plain:{value}\n"},
    lambda value: {"api_kye": value},
    lambda value: {"url": f"wss://h/?apikey={quote(value)}"},
    lambda value: {"url": f"wss://h:99999/?token={quote(value)}"},
    lambda value: {"url": f"wss://u:{quote(value)}@h:99999/"},
    lambda value: {"url": f"https://{quote(value, safe='')}@h/"},
]


@given(value=values, place=st.sampled_from(PLACES))
def test_no_message_holds_a_credential_wherever_it_was_put(
    specs: Mapping[str, VenueSpec], value: str, place: Any
) -> None:
    data = {"venue": [{"id": "i", "kind": "itick", "connections": 0, **place(value)}], "gatewy": 1}
    with pytest.raises(ConfigError) as caught:
        Config.from_dict(data, specs=specs)
    for text in (str(caught.value), repr(caught.value), repr(caught.value.problems)):
        for form in (value, quote(value), quote(value, safe=""), json.dumps(value)[1:-1]):
            assert form not in text

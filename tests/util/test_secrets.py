"""Passwords and tokens of addresses."""

import pytest

from polymath.util.errors import PolymathError
from polymath.util.secrets import fill_secrets, has_secret, redact


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter2@host/x.csv",
        "https://hunter2@host/x.csv",
        "https://host/x.csv?token=hunter2",
        "https://host/x.csv?a=b&X-Amz-Signature=hunter2",
        "https://host/x.csv?access_key=hunter2",
        "https://host/x.csv?sig=hunter2&a=b",
        "https://host/x.csv?key=hunter2",
        "https://${POLYMATH_SECRET_A}:hunter2@host/x.csv",
        "https://user:a@hunter2@host/x.csv",
        "https://user:hunter2#a@host/x.csv",
        "https://user:hunter2/a@host/x.csv",
        "https://host/x.csv?jwt=hunter2",
        "https://host/x.csv?pass=hunter2",
        "https://host/x.csv#access_token=hunter2",
    ],
)
def test_secrets_are_seen_and_never_said(url: str) -> None:
    assert has_secret(url)
    message = redact(f"HTTPError for url: {url} (Caused by 'x')")
    assert "hunter2" not in message
    assert "host" in message


@pytest.mark.parametrize(
    "url",
    [
        "https://host/x.csv?download=1&author=kao",
        "https://host/a@b/x.csv",
        "https://host:8080/a@b/x.csv",
        "https://[::1]/a@b/x.csv",
        "https://host/x.csv?keyword=a",
        "https://host/x.csv?token=${POLYMATH_SECRET_HOST}",
    ],
)
def test_other_addresses_stay_as_they_are(url: str) -> None:
    assert not has_secret(url)
    assert redact(url, {}).replace("...", "${POLYMATH_SECRET_HOST}") == url


def test_a_secret_is_seen_under_an_encoded_name() -> None:
    assert has_secret("https://host/x.csv?tok%65n=hunter2")
    assert has_secret("https://host/x.csv%3Faccess%5Ftoken%3Dhunter2")
    assert not has_secret("https://host/a%20b.csv?download=%31")


def test_a_secret_comes_from_the_environment() -> None:
    url = "https://host/x.csv?token=${POLYMATH_SECRET_HOST}"
    secrets = {"POLYMATH_SECRET_HOST": "hunter2"}
    assert fill_secrets(url, secrets) == "https://host/x.csv?token=hunter2"
    assert redact("could not open /hunter2/", secrets) == "could not open /${POLYMATH_SECRET_HOST}/"
    odd = {"POLYMATH_SECRET_HOST": "hünter 2/+"}
    for rest in ("%202/+", "%202/%2B", "%202%2F%2B", "+2%2F%2B"):
        written = f"h%C3%BCnter{rest}"
        assert redact(f"no /{written}/", odd) == "no /${POLYMATH_SECRET_HOST}/"
    with pytest.raises(PolymathError, match="POLYMATH_SECRET_HOST is not set"):
        fill_secrets(url, {})
    assert fill_secrets("https://host/${HOME}", {"HOME": "x"}) == "https://host/${HOME}"

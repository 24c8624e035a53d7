"""Where lists are published, and the keys that sign them, as the configuration writes both."""

import pytest

from blockd.publishers import PublicKeys, Url

KEY = "RWQRdCvHSwcM69dQwXmg1hpst+YZFOSPafkJrL7Gwq8s/tnt78qpzpBV"
OTHER_KEY = "RWSbdAXo8Sk+5kxZZE6pUppydzcyBymiby2Xf8SW8PPxFCX6OcyeqgVO"

URLS = [
    ("https://Lists.Example", "lists.example", 443, "/"),
    ("https://lists.example?k=v", "lists.example", 443, "/?k=v"),
    ("https://lists.example:8443/a%20b.txt?k=v?w", "lists.example", 8443, "/a%20b.txt?k=v?w"),
    ("https://198.18.0.1/", "198.18.0.1", 443, "/"),
    ("https://[2001:DB8::1]:8443/a", "2001:db8::1", 8443, "/a"),
    ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443, "/"),
]


@pytest.mark.parametrize(("text", "host", "port", "target"), URLS)
def test_a_url_says_whom_to_ask_for_what_and_stays_as_it_was_written(text, host, port, target):
    url = Url.parse(text)
    assert (url.host, url.port, url.target) == (host, port, target)
    assert str(url) == text
    assert url == Url.parse(text)


NO_URLS = [
    ("http://lists.example/", "is fetched from https://HOST/PATH only"),
    ("ftp://lists.example/", "is fetched from https://HOST/PATH only"),
    ("lists.example/a", "is fetched from https://HOST/PATH only"),
    ("https:///a", "is fetched from https://HOST/PATH only"),
    ("", "is fetched from https://HOST/PATH only"),
    ("https://user@lists.example/", "holds a user name"),
    ("https://user:word@lists.example/", "holds a user name"),
    ("https://lists.example/#x", "remove it"),
    ("https://lists.example/\u00e4", "write other signs than ASCII as %XX"),
    ("https://lists.example/a b", "write other signs than ASCII as %XX"),
    ("https://lists.example/a\n", "write other signs than ASCII as %XX"),
    ("https://lists.example:99999/", "is no URL: Port out of range"),
    ("https://[::1/", "is no URL: Invalid IPv6 URL"),
    ("https://a..example/", "empty label"),
    (7, "a text was expected"),
]


@pytest.mark.parametrize(("value", "said"), NO_URLS)
def test_what_is_no_url_of_a_list_is_told(value, said):
    with pytest.raises(ValueError, match=said):
        Url.parse(value)


def test_keys_are_one_text_or_several():
    assert [str(key) for key in PublicKeys.parse([KEY, OTHER_KEY]).keys] == [KEY, OTHER_KEY]
    assert PublicKeys.parse(KEY) == PublicKeys.parse([KEY])
    assert str(PublicKeys.parse([KEY, OTHER_KEY])) == f"{KEY} {OTHER_KEY}"
    assert (bool(PublicKeys.parse(KEY)), bool(PublicKeys())) == (True, False)


NO_KEYS = [
    ("", "is not a public key of minisign"),
    (KEY[:-1], "is not a public key of minisign"),
    (KEY + "=", "is not a public key of minisign"),
    (f"RX{KEY[2:]}", "no Ed25519 key"),
    ([KEY, ""], "is not a public key of minisign"),
    ([KEY, KEY], "two keys have the same number"),
    (7, "a text was expected"),
    ([KEY, 7], "a text was expected"),
]


@pytest.mark.parametrize(("value", "said"), NO_KEYS)
def test_what_is_no_key_is_told(value, said):
    with pytest.raises(ValueError, match=said):
        PublicKeys.parse(value)

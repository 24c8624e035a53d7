"""What the gateway itself needs is never blocked, nor what the operator says."""

import pytest

from blockd import config as configuration
from blockd.errors import ListError
from blockd.watchlist import needed

TEXT = """\
[list]
paths = []
[[list.source]]
url = "https://lists.example/blocked.txt"
[[list.source]]
url = "https://198.18.0.7/blocked.txt"
[resolver]
upstreams = ["198.18.0.53", "tls://198.18.0.55#dns.example"]
zones = {{ "corp.example" = ["tls://198.18.0.56#ns.corp.example"] }}
[guard]
never = ["bank.example", "{file}"]
"""


def test_upstreams_hosts_of_lists_and_what_the_operator_says_are_gathered(tmp_path):
    path = tmp_path / "cdn.txt"
    path.write_text("198.18.4.0/24  # Example CDN\n")
    config = configuration.parse(TEXT.format(file=path), "b.toml")
    assert [(str(target), why) for target, why in needed.gather(config).items] == [
        ("=dns.example", "an upstream's name, tls://198.18.0.55:853#dns.example"),
        ("=ns.corp.example", "an upstream's name, tls://198.18.0.56:853#ns.corp.example"),
        ("=lists.example", "a list's host, https://lists.example/blocked.txt"),
        ("198.18.0.7/32", "a list's host, https://198.18.0.7/blocked.txt"),
        ("bank.example", "[guard] never"),
        ("198.18.4.0/24", f"{path}:1 (Example CDN)"),
    ]
    assert needed.files(config) == [str(path)]


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    config = configuration.parse(TEXT.format(file=tmp_path / "gone.txt"), "b.toml")
    with pytest.raises(ListError, match=r"gone\.txt: cannot be read: No such file"):
        needed.gather(config)

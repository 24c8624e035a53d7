# Whatever the octets are and whichever format is said or recognised: `formats.parse` returns; every
# line of a feed that is not refused is one entry line, comment, blank or issue; every issue and
# entry stands at a line there is; every entry reads back from its text; and reading again gives
# the same.
"""Octets where lists are expected: `python -m tests.fuzz.lists [OPTION...] [CORPUS]`.

It needs atheris, which is not among the tests' dependencies, and runs until something breaks or
as long as libFuzzer's options say (`-max_total_time=60`). The first octet chooses the format. The
tests try the seeds alone.
"""

import gzip
import random
import sys
import tempfile
from pathlib import Path

FORMS = (
    "", "native", "domains", "hosts", "adblock", "dnsmasq", "unbound", "rpz", "csv", "addresses",
)  # fmt: skip
LINES = {
    "native": ('[[platform]]\nid = "p"\ndomains = ["a.example"]', 'prefixes = ["198.18.0.0/24"]'),
    "domains": ("a.example", "*.b.example", "=c.example # why", "示例.example", "xn--17g.example"),
    "hosts": ("0.0.0.0 a.example b.example", ":: a.example", "127.0.0.1 localhost"),
    "adblock": (
        "||a.example^", "@@||b.a.example^$important", "||c.example^$third-party", "##.x", "!#if x",
        "||a.example^$badfilter", "||198.18.0.1^", "!#endif",
    ),
    "dnsmasq": (
        "address=/a.example/b.example/0.0.0.0", "server=/c.example/", "local=/*.e.example/",
        "address=/d.example/198.18.0.80", "address=/d.example/2001:db8::80", "server=/f.example/#",
    ),
    "unbound": (
        'local-zone: "a.example" static', 'local-zone: "b.example" redirect',
        'local-data: "b.example A 198.18.0.80"', 'local-data: "b.example CNAME x."', "server:",
        'local-zone: "c.example" transparent', 'local-data: "c.example AAAA ::"',
    ),
    "rpz": (
        "$TTL 30", "a.example CNAME .", "*.a 60 IN CNAME rpz-drop.", "32.1.0.18.198.rpz-ip CNAME .",
    ),
    "csv": ("domain,ip,listed,reason", '"a.example",198.18.0.1,2026-01-01,"b\nc"', "d.example,,,"),
    "addresses": (
        "198.18.0.0/24 ; x", "2001:db8::/32", "198.18.1.0-198.18.1.9", "Start\tEnd\tMask",
    ),
}  # fmt: skip


def seeds():
    """Return some hundred lists: whole ones, mixed ones, broken ones."""
    rng = random.Random(5354)
    found = []
    for number, form in enumerate(FORMS):
        for _ in range(20):
            lines = rng.choices(LINES.get(form) or sum(LINES.values(), ()), k=rng.randrange(1, 12))
            text = "".join(line + rng.choice(["\n", "\r\n", " \n"]) for line in lines)
            found.append(bytes((number,)) + text.encode())
    for octets in rng.sample(found, 80):
        at = rng.randrange(1, len(octets))
        found += [
            octets[:at] + rng.randbytes(rng.randrange(1, 9)) + octets[at:],
            octets[:at],
            octets[:1] + gzip.compress(octets[1:], mtime=0),
            octets[:at] + octets[at + 1 :] + octets[1:at],
        ]
    return [*found, b"", b"\0", bytes(12), b"\1\xff\xfe", b"\2\xef\xbb\xbf\n"]


def check(octets):
    """Raise where the invariant does not hold."""
    from blockd import names, prefixes
    from blockd.watchlist import formats

    form, content = FORMS[octets[0] % len(FORMS)] if octets else "", octets[1:]
    parsed = formats.parse(content, "x", form)
    assert parsed == formats.parse(content, "x", form)
    assert parsed.names or parsed.prefixes or parsed.issues
    assert all(issue.message.isprintable() for issue in parsed.issues)
    if parsed.refused:
        assert parsed.issues
        return
    for entry in (*parsed.names, *parsed.prefixes):
        assert 0 < entry.line <= parsed.lines
    for entry in parsed.names:
        assert not entry.name or names.parse(names.to_text(entry.name)) == entry.name
    for entry in parsed.prefixes:
        assert prefixes.parse(str(entry.prefix)) == entry.prefix
    if parsed.feed:
        issues = {issue.origin.line for issue in parsed.issues}
        assert len(issues) == len(parsed.issues) == parsed.faults
        counted = parsed.entries + parsed.comments + parsed.blanks + parsed.faults
        assert counted == parsed.lines, (parsed, content)


def main():
    import atheris

    with atheris.instrument_imports(include=["blockd"]):
        import blockd.watchlist.formats  # noqa: F401
    with tempfile.TemporaryDirectory() as directory:
        corpus = Path(directory) / "seeds"
        corpus.mkdir()
        for number, octets in enumerate(seeds()):
            (corpus / str(number)).write_bytes(octets)
        atheris.Setup([*sys.argv, str(corpus)], check)
        atheris.Fuzz()


if __name__ == "__main__":
    main()

"""The environment is what the constraints say, and none of the machine that built it."""

import base64
import csv
import subprocess

import pytest
from deb import environment

RECORD = """\
../../../bin/blockd,sha256=old,10
../../../bin/other,sha256=x,1
blockd/__init__.py,sha256=y,0
blockd-1.dist-info/direct_url.json,sha256=z,2
blockd-1.dist-info/RECORD,,
"""


@pytest.fixture
def packages(tmp_path):
    """An environment as pip leaves it, with another program and a library."""
    made = tmp_path / "opt/blockd/lib/python3.11/site-packages"
    for name, text in {
        "../../../bin/blockd": "#!/tmp/stage/bin/python3\nrun\n",
        "blockd/__init__.py": "",
        "blockd-1.dist-info/direct_url.json": "{}",
        "blockd-1.dist-info/RECORD": RECORD,
        "blockd-1.dist-info/METADATA": "Name: blockd\nVersion: 1\nLicense-Expression: MIT\n",
        "some_library-2.dist-info/METADATA": "Name: some.library\nVersion: 2\n"
        "Classifier: License :: OSI Approved :: MIT License\n",
        "some_library-2.dist-info/licenses/LICENSE.txt": "Do.\n",
    }.items():
        path = made / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return made


def test_the_record_lists_what_is_there(packages):
    environment._tidy(packages / "blockd-1.dist-info")
    with (packages / "blockd-1.dist-info/RECORD").open() as record:
        rows = {name: (digest, size) for name, digest, size in csv.reader(record)}
    assert all((packages / name).exists() for name in rows)
    assert "../../../bin/other" not in rows
    assert "blockd-1.dist-info/direct_url.json" not in rows
    content = "#!/tmp/stage/bin/python3\nrun\n"
    argv = ["openssl", "dgst", "-sha256", "-binary"]
    sha256 = subprocess.run(argv, check=True, capture_output=True, input=content.encode()).stdout
    digest = base64.urlsafe_b64encode(sha256).decode().rstrip("=")
    assert rows["../../../bin/blockd"] == (f"sha256={digest}", str(len(content)))


def test_a_licence_is_what_the_metadata_declares(packages):
    found = {each.name: each for each in environment.libraries(packages)}
    assert found["blockd"].licence == "MIT"
    assert found["some.library"].licence == "MIT License"
    assert found["some.library"].texts == ("Do.\n",)


@pytest.mark.parametrize(
    ("constraints", "left"),
    [
        ("some-library==2\n", []),
        ("Some_Library==2 # why\nother==1\n", []),
        ("# some-library==2\nother==1\n", ["some.library"]),
        ("some-library>=2\n", ["some.library"]),
    ],
)
def test_what_the_constraints_leave_open_is_named(packages, constraints, left):
    assert environment.unlocked(packages, constraints) == left

"""`blockd sign`: makes keys and signatures that minisign takes. Publishers of lists run it."""

from pathlib import Path

import click

from blockd.cli import output
from blockd.cli.setting import Setting

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("paths", nargs=-1, type=_FILE)
@click.option("--key", required=True, type=_FILE, help="The secret key's file.")
@click.option("--generate", is_flag=True, help="Make the key, and its public one at KEY.pub.")
@click.option("--serial", type=click.IntRange(0, 10**18 - 1), help="The edition. Default: the"
              " time, which `timestamp` in the trusted comment says.")  # fmt: skip
@click.option("--comment", default="", help="More for the trusted comment.")
@click.option("--password-file", type=_FILE, help="Holds the key's password, on its first line.")
@click.option("--ask-password", is_flag=True, help="Protect a new key by a password.")
@click.pass_obj
def sign(
    given: Setting,  # noqa: ARG001 - a signature depends on no configuration
    paths: tuple[Path, ...],
    *,
    key: Path,
    generate: bool,
    serial: int | None,
    comment: str,
    password_file: Path | None,
    ask_password: bool,
) -> None:
    """Write PATH.minisig beside each list, or make a key.

    A gateway that pins the public key takes no edition that is not signed with it, and none that
    is older than the last one: the serial, or else the time, must not go back.
    """
    import time  # noqa: PLC0415

    from blockd.errors import SignatureError, UsageError  # noqa: PLC0415
    from blockd.minisign import keys, signature  # noqa: PLC0415

    if generate == bool(paths):
        raise UsageError("name the lists to sign, or --generate to make a key, and not both")
    password = _first_line(password_file) if password_file else None
    if generate:
        if ask_password and password is None:
            password = click.prompt(
                "Password", hide_input=True, confirmation_prompt=True, err=True
            ).encode()
        _generate(key, password)
        return
    try:
        text = _read(key).decode("utf-8", "replace")
        try:
            secret = keys.SecretKey.parse(text, password)
        except keys.PasswordError:
            password = click.prompt(f"Password of {key}", hide_input=True, err=True).encode()
            secret = keys.SecretKey.parse(text, password)
    except SignatureError as error:
        raise UsageError(f"{key}: {error}") from None
    now = int(time.time())
    for path in paths:
        said = [f"serial:{serial}"] if serial is not None else []
        said += [f"timestamp:{now}", f"file:{path.name}", "hashed", *([comment] if comment else [])]
        made = signature.sign(_read(path), secret, "\t".join(said))
        beside = path.with_name(path.name + signature.SUFFIX)
        _write(beside, made.file(f"signature of blockd with key {secret.public.id}"))
        edition = serial if serial is not None else now
        output.line(f"{beside}: edition {edition}, signed with key {secret.public.id}")


def _generate(path: Path, password: bytes | None) -> None:
    import os  # noqa: PLC0415
    import secrets  # noqa: PLC0415

    from blockd.errors import UsageError  # noqa: PLC0415
    from blockd.minisign.keys import SecretKey  # noqa: PLC0415

    made = SecretKey.make(secrets.token_bytes(8), secrets.token_bytes(32))
    text = made.file() if password is None else made.file(password, secrets.token_bytes(32))
    try:
        # Never over another key: what it has signed could not be followed by anything.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UsageError(f"{path}: cannot be made: {error.strerror}") from None
    with os.fdopen(handle, "w") as file:
        file.write(text)
    public = path.with_name(f"{path.name}.pub")
    _write(public, made.public.file())
    output.line(f"{path}: the secret key; keep it where lists are signed, and nowhere else")
    output.line(f'{public}: the public key, for gateways: key = "{made.public}"')


def _first_line(path: Path) -> bytes:
    return _read(path).split(b"\n", 1)[0].rstrip(b"\r")


def _read(path: Path) -> bytes:
    from blockd.errors import UsageError  # noqa: PLC0415

    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


def _write(path: Path, text: str) -> None:
    """Put a file in place whole, as whoever fetches it at this moment wants it."""
    from blockd.errors import UsageError  # noqa: PLC0415

    beside = path.with_name(f".{path.name}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None

"""What every verb starts from: which configuration, which state, which sockets.

Reads the configuration file; decides nothing about lists or planes.
"""

import os
import shlex
from functools import cached_property
from pathlib import Path

import msgspec

from blockd import config as configuration
from blockd.config import Config, Endpoint, ListSection, ResolverSection
from blockd.errors import ConfigError, UnreachableError
from blockd.policy.store import Store

CONFIG = Path("/etc/blockd/blockd.toml")
SYSTEM_STATE = Path("/var/lib/blockd")
SYSTEM_RUN = Path("/run/blockd")
UNITS = (Path("/etc/systemd/system/blockd.service"), Path("/usr/lib/systemd/system/blockd.service"))
"""Where `setup` and the Debian package put the first of the units."""
TRIAL_PORT = 5300


class Setting:
    """The global options, resolved when they are first needed."""

    def __init__(self, config: Path | None, state: Path | None) -> None:
        """Take the options as given."""
        self._config = config
        self._state = state

    @cached_property
    def config(self) -> Config:
        """The configuration in force; raises ConfigError."""
        return self.read_config()

    def read_config(self) -> Config:
        """Read the configuration anew, as a reload does; raises ConfigError."""
        path = self.config_path
        if path is None:
            return trial_config()
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise ConfigError(f"{path}: cannot be read: {reason}") from None
        return configuration.parse(text, str(path))

    def config_or_defaults(self) -> tuple[Config, str]:
        """Return the configuration; where its file is wrong, the defaults and the complaint.

        For what must be possible in any state of the host. Raises ConfigError where a file that
        was named is not there: what its defaults are about is not what was meant.
        """
        path = self.config_path
        try:
            return self.config, ""
        except ConfigError as error:
            if path is not None and not path.exists():
                raise
            return Config(), str(error)

    @property
    def is_trial(self) -> bool:
        """Whether options name other places than those that services use."""
        return self._config not in {None, CONFIG} or self._state not in {None, SYSTEM_STATE}

    @property
    def config_path(self) -> Path | None:
        """The configuration file; None: the built-in defaults, for trying out."""
        if self._config is not None:
            return self._config
        return CONFIG if CONFIG.exists() else None

    @cached_property
    def state(self) -> Path:
        """The state directory, by the order that the design fixes."""
        if self._state is not None:
            return self._state
        if self.config.service.state:
            return Path(self.config.service.state)
        if os.environ.get("STATE_DIRECTORY"):  # systemd.exec(5); the first of several
            return Path(os.environ["STATE_DIRECTORY"].partition(":")[0])
        if CONFIG.exists():
            return SYSTEM_STATE
        base = os.environ.get("XDG_STATE_HOME")
        return (Path(base) if base else Path.home() / ".local" / "state") / "blockd"

    @property
    def store(self) -> Store:
        """The policy store in the state directory.

        Raises UnreachableError where this user may not read it: what is closed must not pass for
        a gateway without any list.
        """
        try:
            there = self.state.exists()
        except PermissionError:  # a directory above it is closed
            there = True
        if there and not os.access(self.state, os.R_OK | os.X_OK):
            raise UnreachableError(
                f"{self.state} cannot be read by this user; run as root, or join the group blockd"
            )
        return Store(self.state)

    def run(self, name: str) -> Path:
        """The directory of what one daemon shows: each has its own, where no other may write."""
        if self.config.service.run:
            return Path(self.config.service.run) / name
        return (SYSTEM_RUN if self.state == SYSTEM_STATE else self.state / "run") / name

    def control(self, plane: str) -> Path:
        """The control socket of a daemon: `compiler`, `resolver` or `routes`."""
        return self.run(plane) / "control"

    @property
    def verified(self) -> Path:
        """Where `blockd verify --record` leaves its report."""
        return self.run("verify") / "report.json"

    @property
    def to_start(self) -> str:
        """How the daemons of this setting are started, as the rest of a sentence."""
        if not self.is_trial and any(unit.exists() for unit in UNITS):
            routes = " blockd-routes" if self.config.routes.enabled else ""
            return (
                f"`systemctl start blockd blockd-resolver{routes}` starts it, and `systemctl"
                " --failed` shows what could not be"
            )
        given = {"--config": self._config, "--state": self._state}
        options = [word for name, path in given.items() if path for word in (name, str(path))]
        said = f"`{shlex.join(['blockd', *options, 'up'])}` runs it in the foreground"
        return said if self.is_trial else f"{said}, and `blockd setup` makes it a service"

    def arguments(self) -> list[str]:
        """Return the options that give another process of blockd the same setting."""
        path = self.config_path
        return [*(["--config", str(path)] if path else []), "--state", str(self.state)]


def trial_config() -> Config:
    """Return the built-in configuration: the shipped rules, on a loopback port, for trying out."""
    return Config(
        list=ListSection(paths=(str(shipped("rules")),)),
        resolver=msgspec.structs.replace(
            ResolverSection(), listen=(Endpoint("127.0.0.1", TRIAL_PORT),)
        ),
    )


def shipped(name: str) -> Path:
    """Return a directory that comes with blockd: from the wheel, or from a checkout."""
    package = Path(__file__).parent.parent
    packed = package / "shipped" / name
    return packed if packed.is_dir() else package.parent / name

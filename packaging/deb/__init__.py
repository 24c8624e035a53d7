"""The Debian package, built from the wheel and the versions that constraints.txt fixes.

    /opt/blockd                           the program: an environment on Debian's python3
    /usr/bin/blockd                       a link to it
    /usr/lib/systemd, sysusers.d, ...     the units and what goes with them
    /usr/share/blockd/blockd.toml         what /etc/blockd/blockd.toml begins as
    /usr/share/doc/blockd                 README, changelogs, licences, examples

Nothing lies in /etc, so dpkg has no conffile to ask about at an upgrade: blockd.toml belongs to
the operator and to `blockd setup` from the moment that the first installation has written it.

`versions`, `elf` and `texts` are pure; `environment` and `layout` fill a directory, `program`
composes them. What knows of lists, planes or a running gateway does not belong here.
"""

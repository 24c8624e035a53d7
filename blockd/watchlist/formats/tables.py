"""The tables of the native format as types: what may stand in them, and what it means.

The source of truth for the parser and for the editors' JSON Schema. What a value within
its type may still get wrong (a name, a prefix, a date before another) is `native`'s business.
"""

from datetime import date
from typing import Annotated

from msgspec import Meta, Struct

from blockd.terms import Action, Basis, RouteType

Line = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]*$")]
"""A text without control characters: it is shown in tables, logs and DNS answers."""

Id = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="Unique in the file; shown in answers, metrics and reports.",
    ),
]
Ttl = Annotated[int, Meta(ge=0, le=604800, description="Seconds, at most a week.")]
Names = Annotated[
    tuple[str, ...],
    Meta(description="`name`: itself and all below; `=name`: only itself; `*.name`: only below."),
]
Prefixes = Annotated[
    tuple[str, ...], Meta(description="IPv4 and IPv6 prefixes or addresses, without host bits.")
]
Authority = Annotated[Line, Meta(description="On whose word the entries stand.")]
Reference = Annotated[Line, Meta(description="The document and item the entries stand on.")]
Contact = Annotated[Line, Meta(description="Whom to ask, as a URI: mailto:desk@authority.example")]
Enforce = Annotated[
    bool, Meta(description="false: compiled, matched and counted, but nothing is blocked.")
]
Listed = Annotated[date, Meta(description="The day the entries came onto the list.")]
Expires = Annotated[date, Meta(description="In force until the end of that day, UTC.")]


class ListTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[list]`: what holds for every entry of the file unless the entry says otherwise."""

    name: Annotated[Line, Meta(description="What the list is called.")] = ""
    authority: Authority = ""
    basis: Annotated[
        Basis,
        Meta(description="order: imposed; policy: the operator's own; request: the user's own."),
    ] = Basis.POLICY
    reference: Reference = ""
    contact: Contact = ""
    enforce: Enforce = True


class PlatformTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[platform]]`: names and prefixes that are listed together."""

    id: Id
    name: Annotated[Line, Meta(description="What the platform is called.")] = ""
    domains: Names = ()
    prefixes: Prefixes = ()
    authority: Authority | None = None
    basis: Basis | None = None
    reference: Reference | None = None
    contact: Contact | None = None
    listed: Listed | None = None
    expires: Expires | None = None
    action: Annotated[
        Action | None, Meta(description="The answer; by default the configuration's.")
    ] = None
    addresses: Annotated[
        tuple[str, ...], Meta(description='With action = "address": what to answer.')
    ] = ()
    records: Annotated[
        tuple[Line, ...],
        Meta(
            description='With action = "records": what to answer, each a type and its data,'
            " as in a zone file: CNAME garden.example"
        ),
    ] = ()
    ttl: Ttl | None = None
    route: Annotated[
        RouteType | None, Meta(description="The null route; by default the configuration's.")
    ] = None
    check_cname: Annotated[
        bool | None,
        Meta(
            description="Whether the names block answers whose CNAME, DNAME or SVCB chain leads"
            " to them; by default the configuration's."
        ),
    ] = None
    check_addresses: Annotated[
        bool | None,
        Meta(
            description="Whether the prefixes block answers that contain their addresses;"
            " by default the configuration's."
        ),
    ] = None
    enforce: Enforce | None = None


class AllowTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[allow]]`: exceptions; at equal length of the match they win over what is listed."""

    domains: Names = ()
    prefixes: Prefixes = ()
    reason: Annotated[Line, Meta(description="Why the exception was made.")] = ""
    owner: Annotated[Line, Meta(description="Who answers for the exception.")] = ""
    reference: Reference | None = None
    listed: Listed | None = None
    expires: Expires | None = None


class Document(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A watched list of blockd."""

    list: ListTable = ListTable()
    platform: tuple[PlatformTable, ...] = ()
    allow: tuple[AllowTable, ...] = ()

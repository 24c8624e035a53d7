"""The HTTP side: which path shows what, and what every answer carries. aiohttp stays in here.

Read-only: nothing but GET and HEAD is routed. Nobody's address is logged.
"""

import ipaddress
from collections.abc import Awaitable, Callable
from importlib import resources

from aiohttp import web

from blockd.hypertext.language import LANGUAGES, chosen
from blockd.service import faults
from blockd.service.standing import Standing, unready
from blockd.web import exposition, metrics
from blockd.web.site import LONGEST, Asked, Site
from blockd.web.words import Words

Look = Callable[[], Awaitable[Standing]]

_FILES = {"/style.css": "text/css", "/icon.svg": "image/svg+xml"}

HEADERS = {
    # Neither script nor frame nor anything from elsewhere, whatever a list's texts may hold.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def application(look: Look, site: Site) -> web.Application:
    """Return what answers `/metrics`, `/healthz`, `/readyz` and the pages.

    Args:
        look: how the gateway stands at this moment.
        site: the pages.
    """

    async def show_metrics(_request: web.Request) -> web.Response:
        text = metrics.text(await look())
        return web.Response(body=text.encode(), headers={"Content-Type": exposition.CONTENT_TYPE})

    async def show_alive(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def show_ready(_request: web.Request) -> web.Response:
        reasons = unready(await look())
        text = "".join(f"{reason}\n" for reason in reasons)
        return web.Response(text=text or "ok\n", status=503 if reasons else 200)

    app = web.Application(middlewares=[_guarded])
    app.router.add_get("/metrics", show_metrics)
    app.router.add_get("/healthz", show_alive)
    app.router.add_get("/readyz", show_ready)
    app.router.add_get("/", lambda request: _page(request, site.state))
    app.router.add_get("/platforms", lambda request: _page(request, site.platforms))
    app.router.add_get("/search", lambda request: _page(request, site.search))
    app.router.add_get("/history", lambda request: _page(request, site.history))
    app.router.add_get(
        "/history/{number:[0-9]{1,9}}", lambda request: _page(request, site.generation)
    )
    for path, kind in _FILES.items():
        app.router.add_get(path, _file(path, kind))
    return app


async def _page(
    request: web.Request, show: Callable[[Asked], Awaitable[tuple[int, str]]]
) -> web.Response:
    number = int(request.match_info.get("number", "0"))
    asked = Asked(
        Words(chosen(request.headers.get("Accept-Language", ""))),
        request.query.get("q", "")[:LONGEST],
        number,
    )
    status, text = await show(asked)
    answer = web.Response(status=status, text=text, content_type="text/html", charset="utf-8")
    answer.headers["Content-Language"] = LANGUAGES[asked.words.language]
    answer.headers["Vary"] = "Accept-Language"
    return answer


def _file(path: str, kind: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    text = resources.files("blockd.web").joinpath(path[1:]).read_text("utf-8")

    async def show(_request: web.Request) -> web.Response:
        return web.Response(text=text, content_type=kind, charset="utf-8")

    return show


@web.middleware
async def _guarded(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer for loopback names alone, and put what every answer carries."""
    answer: web.StreamResponse
    if not is_loopback(request.host):
        # A page elsewhere may give its own name this address, to read what is here (DNS
        # rebinding); the browser then sends that name. RFC 9110 15.5.20.
        answer = web.Response(
            status=421, text=f"{request.host!r} is not this host: use localhost or 127.0.0.1\n"
        )
    else:
        try:
            answer = await handler(request)
        except web.HTTPException as raised:
            answer = web.Response(status=raised.status, text=f"{raised.status} {raised.reason}\n")
            if isinstance(raised, web.HTTPMethodNotAllowed):
                answer.headers["Allow"] = ", ".join(sorted(raised.allowed_methods))
        except Exception as error:  # noqa: BLE001 - one request must not end the others
            # Somebody may have searched for a name, which the error's text would quote.
            faults.say(error, f"{request.path} could not be shown")
            answer = web.Response(status=500, text="blockd could not show this; its log says why\n")
    answer.headers.update(HEADERS)
    return answer


def is_loopback(host: str) -> bool:
    """Tell whether a Host header names this host by a loopback address or as localhost."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if name.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False

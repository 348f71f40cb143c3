"""The routes of the status page. Nothing here waits for a store but the retry of a dead letter, and that not long."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import trio
from attrs import asdict, define, field
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.status.access import Access
from adapters.status.metrics import exposition
from engine.errors import EngineError
from engine.picture import Picture
from engine.status import Status

PAGE = Path(__file__).with_name("page")
LETTER_NUMBER = re.compile(r"[0-9]{1,18}")
EVENT_STREAM = "text/event-stream"
STREAMS = 32
EVENT_SECONDS = 1.0
CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@define(eq=False)
class App:
    """Answers requests from what the engine says of itself; a picture is put into words once, however many look."""

    status: Status
    _files: Mapping[str, bytes] = field(factory=lambda: _files_of(PAGE))
    _told: tuple[Picture | None, str] = (None, "")
    _streams: trio.CapacityLimiter = field(factory=lambda: trio.CapacityLimiter(STREAMS))

    def routes(self) -> list[Route]:
        """Every address that is answered."""
        return [
            Route("/", self.index),
            Route("/static/{name}", self.static),
            Route("/api/status", self.picture),
            Route("/api/events", self.events),
            Route("/api/dead-letters/{letter}/retry", self.retry, methods=["POST"]),
            Route("/metrics", self.metrics),
            Route("/healthz", self.healthz),
            Route("/readyz", self.readyz),
        ]

    async def index(self, _: Request) -> Response:
        """The page."""
        return self._file("index.html")

    async def static(self, request: Request) -> Response:
        """What the page is made of."""
        return self._file(str(request.path_params["name"]))

    def _file(self, name: str) -> Response:
        if name not in self._files:
            return JSONResponse({"reason": "no such page"}, 404)
        return Response(self._files[name], headers={"Content-Type": CONTENT_TYPES[Path(name).suffix]})

    async def picture(self, _: Request) -> Response:
        """The engine now."""
        return Response(self._text(), media_type="application/json")

    async def events(self, request: Request) -> ASGIApp:
        """The engine, every second; bounded, for each of them costs."""
        if request.method == "HEAD":
            return Response(media_type=EVENT_STREAM)
        if self._streams.available_tokens < 1:
            return JSONResponse({"reason": f"{STREAMS} look already"}, 503)
        return self._stream

    async def _stream(self, _: Scope, receive: Receive, send: Send) -> None:
        async with self._streams, trio.open_nursery() as nursery:
            nursery.start_soon(_until_gone, receive, nursery.cancel_scope)
            headers = [(b"content-type", EVENT_STREAM.encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            while True:
                event = f"event: status\ndata: {self._text()}\n\n"
                await send({"type": "http.response.body", "body": event.encode(), "more_body": True})
                await trio.sleep(EVENT_SECONDS)

    def _text(self) -> str:
        picture = self.status.picture()
        if self._told[0] is not picture:
            self._told = picture, json.dumps(asdict(picture))
        return self._told[1]

    async def metrics(self, _: Request) -> Response:
        """The same numbers for Prometheus."""
        text = exposition(self.status.picture(), self.status.records_by_type())
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    async def healthz(self, _: Request) -> Response:
        """The event loop turns, or nobody would answer."""
        return JSONResponse({"healthy": True})

    async def readyz(self, _: Request) -> Response:
        """Whether the engine gets on."""
        reason = self.status.problem()
        return JSONResponse({"ready": reason is None, "reason": reason}, 200 if reason is None else 503)

    async def retry(self, request: Request) -> Response:
        """Try a dead letter again."""
        letter = id_in(str(request.path_params["letter"]))
        try:
            retried = await self.status.retry(letter)
        except EngineError as error:
            return JSONResponse({"id": letter, "result": "unavailable", "reason": str(error)}, 503)
        if retried is None:
            return JSONResponse({"id": letter, "result": "gone", "reason": "no dead letter of this id"}, 404)
        answer = {"id": letter, "result": retried.result, "reason": retried.reason}
        return JSONResponse(answer, 200 if retried.is_settled else 409)


def id_in(address: str) -> int | str:
    """The id of a dead letter as the picture has it: the number of one in the database, or a name."""
    return int(address) if LETTER_NUMBER.fullmatch(address) else address


def _files_of(folder: Path) -> Mapping[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in CONTENT_TYPES}


async def _until_gone(receive: Receive, looking: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    looking.cancel()


@define(eq=False)
class Guarded:
    """Lets in who may see it, and tells browsers to trust nothing but ourselves."""

    app: ASGIApp
    access: Access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        headers: Mapping[str, str] = Headers(scope=scope)
        refusal = self.access.refusal(str(scope["method"]), str(scope["path"]), headers)
        if refusal is None:
            await self.app(scope, receive, send_with_headers)
            return
        asking = {"WWW-Authenticate": 'Basic realm="botnet-engine"'} if refusal.asks else None
        answer = JSONResponse({"reason": refusal.reason}, refusal.code, asking)
        await answer(scope, receive, send_with_headers)


def make_app(status: Status, access: Access) -> ASGIApp:
    """The whole application."""
    return Guarded(Starlette(routes=App(status).routes()), access)

"""The status page of an engine process, as a client over HTTP sees it."""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager

import httpx
import msgspec

from engine.picture import Picture
from tests.engine_process import EngineProcess

WITH_PAGE = {"ENGINE_STATUS__ADDRESS": "127.0.0.1:0"}
"""The environment of an engine that serves its page on a free port, which its log names."""


class StatusPage:
    """One engine's page. `headers` go with every request."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        self.url = url
        self.client = httpx.Client(base_url=url, headers=headers, timeout=10, trust_env=False)

    def get(self, path: str, **headers: str) -> httpx.Response:
        """One request; `Host="x"` and the like are headers."""
        return self.client.get(path, headers=headers)

    def picture(self) -> Picture:
        """What `/api/status` answers."""
        answer = self.get("/api/status")
        assert answer.status_code == 200, answer.text
        return msgspec.json.decode(answer.content, type=Picture)

    def events(self) -> Generator[Picture]:
        """The pictures that `/api/events` sends, one a second."""
        with self.client.stream("GET", "/api/events") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            for line in stream.iter_lines():
                if line.startswith("data: "):
                    yield msgspec.json.decode(line.removeprefix("data: "), type=Picture)

    def until(self, holds: Callable[[Picture], bool], pictures: int = 30) -> Picture:
        """Wait for a picture of which something holds; fails when so many did not."""
        for number, seen in enumerate(self.events()):
            if holds(seen):
                return seen
            assert number < pictures, f"not in {pictures} pictures: {seen}"
        raise AssertionError("the events ended")

    def until_ready_is(self, code: int) -> httpx.Response:
        """Wait for `/readyz` to answer so; asks with every event."""
        answers: list[httpx.Response] = []

        def is_so(_: Picture) -> bool:
            answers.append(self.get("/readyz"))
            return answers[-1].status_code == code

        self.until(is_so)
        return answers[-1]

    def metrics(self) -> dict[str, float]:
        """What `/metrics` answers: each sample with its labels as they are written."""
        lines = self.get("/metrics").text.splitlines()
        samples = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in samples}


@contextmanager
def page_of(engine: EngineProcess, token: str | None = None) -> Iterator[StatusPage]:
    """The page of a running engine that was started `WITH_PAGE`."""
    url = engine.wait_for(r"status page +url=(\S+)/").group(1)
    page = StatusPage(url, {"Authorization": f"Bearer {token}"} if token else None)
    with page.client:
        yield page

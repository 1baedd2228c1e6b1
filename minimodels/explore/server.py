"""The server of the explorer: this machine only, everything from its own address."""

import asyncio
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from minimodels.errors import InputError, RunFailed, check_whole
from minimodels.explore.export import FILES, exported
from minimodels.explore.state import from_link
from minimodels.explore.subject import Subject
from minimodels.explore.tables import Predict
from minimodels.model import Model

HOST = "127.0.0.1"
SWITCH = 5e-4  # seconds: how long a thread behind may keep the page waiting for the interpreter


@contextmanager
def serving(model: Model, *, port: int = 0, predict: Predict | None = None) -> Iterator[str]:
    """Serve the explorer of a model from a thread of its own, and give its address; it ends with the block.

    Parameters
    ----------
    port : int
        0: any that is free.
    predict : callable
        ``theory.predict``.

    Raises
    ------
    InputError
        Without Bokeh, for a port that is taken, or for what is no model.
    """
    subject = Subject.of(model)
    from_link(subject, "")
    port = check_whole(port, "`port`", 0, 65535)
    ready, found = threading.Event(), {}

    def run() -> None:
        try:
            asyncio.run(serve())
        except Exception as error:
            found["error"] = error
        finally:
            ready.set()

    async def serve() -> None:
        found["loop"], found["stop"] = asyncio.get_running_loop(), asyncio.Event()
        server, found["port"] = _server(subject, port, predict)
        server.start()
        ready.set()
        await found["stop"].wait()
        server.stop()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH)
    thread = threading.Thread(target=run, name="minimodels-server", daemon=True)
    thread.start()
    try:
        ready.wait()
        if "error" in found:
            raise found["error"]
        yield f"http://{HOST}:{found['port']}/"
    finally:
        if "loop" in found and thread.is_alive():
            found["loop"].call_soon_threadsafe(found["stop"].set)
        thread.join(10)
        sys.setswitchinterval(interval)


def _server(subject: Subject, port: int, predict: Predict | None) -> Any:
    try:
        from bokeh.application import Application
        from bokeh.application.handlers.function import FunctionHandler
        from bokeh.server.server import BaseServer
        from bokeh.server.tornado import BokehTornado
        from bokeh.server.util import bind_sockets
        from bokeh.settings import settings
        from tornado.httpserver import HTTPServer
        from tornado.ioloop import IOLoop
    except ModuleNotFoundError as error:
        raise InputError("the explorer needs Bokeh: pip install 'minimodels[explore]'.") from error
    from jinja2 import Environment

    from minimodels.explore import looks
    from minimodels.explore.page import Page, variables

    template = Environment(autoescape=False).from_string(looks.page())

    def modify(document: Any) -> None:
        request = document.session_context.request
        query = request.uri.partition("?")[2]
        document.title = f"{subject.model.name} – minimodels"
        document.template = template
        document.template_variables.update(variables(subject))
        Page(document, subject, query, predict)

    settings.resources = "server"  # whatever the environment asks for: nothing comes from elsewhere
    try:
        sockets, port = bind_sockets(HOST, port)
    except OSError as error:
        raise InputError(f"port {port} is taken ({error.strerror}); choose another, or 0 for any.") from error
    hosts = [f"{name}:{port}" for name in (HOST, "localhost")]
    tornado = BokehTornado(
        {"/": Application(FunctionHandler(modify))},
        extra_websocket_origins=hosts,
        extra_patterns=[(rf"/({'|'.join(map(re.escape, FILES))})", _handler(), {"subject": subject, "hosts": hosts})],
    )
    http = HTTPServer(tornado)
    http.add_sockets(sockets)
    return BaseServer(IOLoop.current(), tornado, http), port


def _handler() -> Any:
    from tornado.web import RequestHandler

    class Export(RequestHandler):
        """Gives a file of the state in the query, to pages from this address only."""

        def initialize(self, subject: Subject, hosts: list[str]) -> None:
            self.subject, self.hosts = subject, hosts

        async def get(self, name: str) -> None:
            if self.request.host not in self.hosts:
                self.set_status(403)
                return
            try:
                state = from_link(self.subject, self.request.query)
                data = await asyncio.to_thread(exported, name, state)
            except (InputError, RunFailed) as error:
                self.set_status(400)
                self.set_header("Content-Type", "text/plain; charset=utf-8")
                self.write(str(error))
                return
            self.set_header("Content-Type", FILES[name])
            self.set_header("Content-Disposition", f'attachment; filename="{state.model.name}-{name}"')
            self.write(data)

    return Export

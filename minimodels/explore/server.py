"""The server of the explorer: this machine only, everything from its own address."""

import asyncio
import re
import socket
import sys
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakSet

from minimodels.errors import InputError, RunFailed, check_flag, check_whole, shown
from minimodels.explore.export import FILES, exported
from minimodels.explore.state import from_link
from minimodels.explore.subject import Subject
from minimodels.explore.tables import Predict
from minimodels.model import Model
from minimodels.notices import tell

HOST = "127.0.0.1"
SWITCH = 5e-4  # seconds: how long a thread behind may keep the page waiting for the interpreter


def explore(model: Model, *, port: int = 0, browser: bool = True, predict: Predict | None = None) -> None:
    """Open a page on this machine: sliders, curves, a phase diagram and a flow of a model, until Ctrl-C.

    Parameters
    ----------
    model : GradientFlow, Flow or Map
        With the values that the page begins with.
    port : int
        Of the address 127.0.0.1; 0: any that is free.
    browser : bool
        Whether to open the page in the browser; a terminal is told its address either way.
    predict : callable
        ``theory.predict``, if its predictions are to be drawn.

    Raises
    ------
    InputError
        Without Bokeh (``pip install 'minimodels[explore]'``), for a port that is taken, or for what is no model.
    """
    check_flag(browser, "`browser`")
    with serving(Subject.of(model), port=port, predict=predict) as address:
        tell(f"{model.name} at {address} until Ctrl-C")
        wait(address, browser=browser)


def wait(address: str, *, browser: bool) -> None:
    """Open a page, if asked for, and serve until Ctrl-C."""
    if browser:
        webbrowser.open(address)
    with suppress(KeyboardInterrupt):
        threading.Event().wait()


@contextmanager
def serving(subject: Subject, *, port: int = 0, predict: Predict | None = None) -> Iterator[str]:
    """Serve the explorer from a thread of its own, and give its address; it ends with the block.

    See `explore` for the arguments and the errors.
    """
    if predict is not None and not callable(predict):
        raise InputError(f"`predict` is theory.predict; got {shown(predict)}.")
    from_link(subject, "")
    port = check_whole(port, "`port`", 0, 65535)
    ready = threading.Event()
    found: dict[str, Any] = {}

    def run() -> None:
        try:
            asyncio.run(serve())
        except Exception as error:
            found["error"] = error
        finally:
            ready.set()

    async def serve() -> None:
        found["loop"], found["stop"] = asyncio.get_running_loop(), asyncio.Event()
        pages: WeakSet[Any] = WeakSet()
        server, http, found["port"] = _server(subject, port, predict, pages)
        server.start()
        ready.set()
        await found["stop"].wait()
        for page in list(pages):
            page.behind.close()
        await asyncio.sleep(0.05)  # what is about to be sent goes out
        server.stop()
        http.stop()
        await http.close_all_connections()

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


def _server(subject: Subject, port: int, predict: Predict | None, pages: "WeakSet[Any]") -> Any:
    try:
        from bokeh.application import Application
        from bokeh.application.handlers.function import FunctionHandler
        from bokeh.server.server import BaseServer
        from bokeh.server.tornado import BokehTornado
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
        pages.add(Page(document, subject, query, predict))

    settings.resources = "server"  # whatever the environment asks for: nothing comes from elsewhere
    try:
        listening = socket.create_server((HOST, port))
    except OSError as error:
        raise InputError(f"port {port} is taken ({error.strerror}); choose another, or 0 for any.") from error
    listening.setblocking(False)
    port = listening.getsockname()[1]
    hosts = [f"{name}:{port}" for name in (HOST, "localhost")]
    tornado = BokehTornado(
        {"/": Application(FunctionHandler(modify))},
        extra_websocket_origins=hosts,
        extra_patterns=[(rf"/({'|'.join(map(re.escape, FILES))})", _handler(), {"subject": subject, "hosts": hosts})],
    )

    class Prompt(HTTPServer):
        """Sends small messages at once: held back until earlier ones are acknowledged, they come 40 ms late."""

        def handle_stream(self, stream: Any, address: Any) -> None:
            stream.set_nodelay(True)
            stream.set_nodelay = lambda value: None  # a connection turns it off after its first answer
            super().handle_stream(stream, address)

    http = Prompt(tornado)
    http.add_sockets([listening])
    return BaseServer(IOLoop.current(), tornado, http), http, port


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

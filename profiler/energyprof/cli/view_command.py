"""`energyprof view`: show a recorded run in the browser, served to this machine alone until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Mapping

from energyprof.cli.footprint_options import HELP, add_footprint_options, assumptions_of
from energyprof.cli.recorded_run import add_run_argument, resolve_run
from energyprof.errors import InputError

NAME = "view"
SUMMARY = "Show a recorded run in the browser. Served to this machine alone, until Ctrl-C."
EXAMPLES = f"""\
examples:
  energyprof view                  the newest run in this folder
  energyprof view RUN.eprof        this one
  energyprof view --port 8400      for a browser elsewhere, after: ssh -L 8400:127.0.0.1:8400 THIS_MACHINE
  energyprof view --no-open        print the address only
  energyprof view --region FR      with grams of CO2e

Without a server: energyprof report RUN.eprof --format html --open writes the same page as a file.

{HELP}"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_run_argument(parser)
    parser.add_argument("--no-open", dest="open", action="store_false", help="start no browser")
    parser.add_argument(
        "--port", type=port_number, default=0, metavar="N", help="port to serve on (default: a free one)"
    )
    add_footprint_options(parser)


def run(args: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C, which is how it is meant to end; 0, or an error's own status."""
    from energyprof.cli.page_server import PageServer
    from energyprof.run import load

    path = resolve_run(args.run)
    recorded = load(path)
    recorded.assumptions = assumptions_of(args)
    page = recorded.render("html", options={"run": str(path)})
    try:
        server = PageServer(page if isinstance(page, bytes) else page.encode(), args.port)
    except OSError as error:
        raise InputError(
            f"port {args.port} cannot be had ({error.strerror}); choose another, or none, with --port"
        ) from None
    with server:
        try:
            print(server.url, flush=True)
            for line in hints(server.server_port, args.open, os.environ, sys.platform):
                print(line, file=sys.stderr, flush=True)
            if args.open and has_desktop(os.environ, sys.platform):
                # Some browsers return only when they are closed, and none may wait for a server that waits for it.
                threading.Thread(target=_open, args=(server.url,), daemon=True).start()
            server.serve_forever()
        except KeyboardInterrupt:
            print(file=sys.stderr)
    return 0


def port_number(text: str) -> int:
    """Return the port asked for; raises ArgumentTypeError, whose message argparse shows with the option's name."""
    port = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port from 1 to 65535")
    return port


def has_desktop(environment: Mapping[str, str], platform: str) -> bool:
    """Return whether a browser would have a window; without one Python starts browsers for text, over our own lines."""
    if platform in {"darwin", "win32"}:
        return True
    return any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


def hints(port: int, is_opened: bool, environment: Mapping[str, str], platform: str) -> list[str]:
    """Return what the reader needs to know besides the address."""
    lines = ["stop with Ctrl-C"]
    if environment.get("SSH_CONNECTION"):
        lines.append(
            f"from the machine you sit at: ssh -L {port}:127.0.0.1:{port} THIS_MACHINE, then open the address there"
        )
    elif is_opened and not has_desktop(environment, platform):
        lines.append("there is no display here to open a browser on; open the address yourself")
    return lines


def _open(url: str) -> None:
    import webbrowser

    if not webbrowser.open(url):
        print("no browser was found here; open the address yourself", file=sys.stderr, flush=True)

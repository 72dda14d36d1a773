"""`energyprof view`: show a recorded run in the browser, served to this machine alone until Ctrl-C."""

from __future__ import annotations

import argparse
import sys

from energyprof.cli.recorded_run import add_run_argument, resolve_run

NAME = "view"
SUMMARY = "Show a recorded run in the browser. Served to this machine alone, until Ctrl-C."
EXAMPLES = """\
examples:
  energyprof view                  the newest run in this folder
  energyprof view RUN.eprof        this one
  energyprof view --no-open        print the address only, for example behind an ssh tunnel

Without a server: energyprof report RUN.eprof --format html --open writes the same page as a file.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_run_argument(parser)
    parser.add_argument("--no-open", dest="open", action="store_false", help="start no browser")


def run(args: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C, which is how it is meant to end; 0, or an error's own status."""
    import webbrowser

    from energyprof.cli.page_server import PageServer
    from energyprof.run import load

    path = resolve_run(args.run)
    page = load(path).render("html", options={"run": str(path)})
    with PageServer(page if isinstance(page, bytes) else page.encode()) as server:
        try:
            print(server.url, flush=True)
            print("stop with Ctrl-C", file=sys.stderr, flush=True)
            if args.open and not webbrowser.open(server.url):
                print("no browser was found here; open the address yourself", file=sys.stderr, flush=True)
            server.serve_forever()
        except KeyboardInterrupt:
            print(file=sys.stderr)
    return 0

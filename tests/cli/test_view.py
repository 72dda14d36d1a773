"""`energyprof view`: one page, for this machine and whoever knows the token, until Ctrl-C."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

import pytest

from energyprof.cli.page_server import PageServer
from energyprof.cli.view_command import has_desktop, hints

PROGRAM = """
import time, energyprof
with energyprof.stage("work"):
    end = time.process_time() + 0.3
    while time.process_time() < end:
        sum(range(1000))
"""


@pytest.fixture
def server():
    with PageServer(b"<h1>page</h1>") as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def asked(url: str, path: str | None = None, host: str | None = None, method: str = "GET") -> tuple[int, bytes]:
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
    connection.request(method, place.path if path is None else path, headers={} if host is None else {"Host": host})
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def test_who_knows_the_token_gets_the_page_and_nobody_else(server):
    assert asked(server.url) == (200, b"<h1>page</h1>")
    assert asked(server.url, path="/")[0] == 404
    assert asked(server.url, path=server.path[:-2] + "/")[0] == 404
    assert asked(server.url, path="/../../etc/passwd")[0] == 404
    assert asked(server.url, method="HEAD") == (200, b"")
    assert asked(server.url, method="POST")[0] == 501


def test_a_name_of_the_web_that_resolves_to_this_machine_gets_nothing(server):
    port = urlsplit(server.url).port

    assert asked(server.url, host=f"evil.example:{port}") == (404, b"not found\n")
    assert asked(server.url, host=f"localhost:{port}")[0] == 200


def test_it_listens_on_the_loopback_interface_alone_and_each_token_is_new(server):
    assert server.server_address[0] == "127.0.0.1"
    with PageServer(b"") as other:
        assert other.path != server.path
        assert other.server_port != server.server_port


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("view")
    (place / "job.py").write_text(PROGRAM)
    done = command(place, "run", "--no-graph", "-q", "-o", "job.eprof", "job.py")
    assert done.returncode == 0, done.stderr
    return place


def command(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "energyprof", *arguments], cwd=folder, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip


def test_the_command_prints_the_address_serves_the_run_and_ends_with_ctrl_c(folder):
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "SSH_CONNECTION": ""}
    with subprocess.Popen(
        [sys.executable, "-m", "energyprof", "view", "--no-open", "job.eprof"], cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
    ) as process:  # fmt: skip
        url = process.stdout.readline().strip()
        status, page = asked(url)
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=60)

    assert status == 200
    assert b">work<" in page
    assert b"Power over time" in page
    assert process.returncode == 0
    assert complaints == "stop with Ctrl-C\n\n"


def test_a_browser_that_returns_only_when_it_is_closed_gets_its_page(folder):
    (folder / "browser.py").write_text(
        "import sys, urllib.request\n"
        "page = urllib.request.urlopen(sys.argv[1], timeout=60).read()\n"
        "open('shown.part', 'wb').write(page)\n"
        "import os; os.rename('shown.part', 'shown.html')\n"
        "sys.stdin.read()\n"
    )
    environment = {**os.environ, "BROWSER": f"{sys.executable} browser.py %s"}
    with subprocess.Popen(
        [sys.executable, "-m", "energyprof", "view", "job.eprof", "--region", "FR"], cwd=folder, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
    ) as process:  # fmt: skip
        process.stdout.readline()
        deadline = time.monotonic() + 60
        while not (folder / "shown.html").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        process.stdin.close()
        status = process.wait(timeout=60)

    page = (folder / "shown.html").read_text(encoding="utf-8")
    assert status == 0
    assert "Carbon and cost" in page
    assert "France" in page


def test_a_port_that_is_taken_is_told_with_what_to_do(folder):
    with PageServer(b"") as other:
        done = command(folder, "view", "--no-open", "--port", str(other.server_port), "job.eprof")
    refused = command(folder, "view", "--port", "70000", "job.eprof")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        f"energyprof: port {other.server_port} cannot be had (Address already in use); choose"
    )
    assert "70000 is no port from 1 to 65535" in refused.stderr


def test_without_a_display_no_browser_for_text_is_started_over_our_lines():
    assert not has_desktop({}, "linux")
    assert has_desktop({"DISPLAY": ":0"}, "linux")
    assert has_desktop({"BROWSER": "w3m"}, "linux")
    assert has_desktop({}, "darwin")


def test_over_ssh_the_tunnel_is_told():
    assert hints(8400, True, {"SSH_CONNECTION": "a 1 b 2"}, "linux")[1].startswith(
        "from the machine you sit at: ssh -L 8400:127.0.0.1:8400 THIS_MACHINE"
    )
    assert hints(8400, True, {}, "linux")[1].startswith("there is no display here")
    assert hints(8400, True, {"DISPLAY": ":0"}, "linux") == ["stop with Ctrl-C"]
    assert hints(8400, False, {}, "linux") == ["stop with Ctrl-C"]


def test_report_writes_the_page_to_a_file(folder):
    done = command(folder, "report", "job.eprof", "--format", "html", "-o", "page.html")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (folder / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")

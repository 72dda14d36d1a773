"""The process that makes collectors (`launch.ready_collectors`): it loads all they need, and forks one for each run.

It has no thread and opens no device, so that a fork of it is as good as a fresh interpreter.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
from contextlib import suppress
from importlib import import_module

from energyprof import collector_main, discover
from energyprof.errors import EnergyprofError
from energyprof.launch.control import END, LOST, MAKE, Control
from energyprof.launch.detached import close_inherited
from energyprof.launch.own_collector import pid_file_of, streams_of
from energyprof.launch.root_process import RootProcess
from energyprof.launch.run_configuration import read_configuration
from energyprof.launch.run_folder import remove_run_folder

GLANCE_S = 0.5
"""How often it looks whether the program that has started it is still there."""
NEEDED = (
    "energyprof.capture.place",
    "energyprof.collect.bursts",
    "energyprof.collect.convert",
    "energyprof.collect.convert_facts",
    "energyprof.collect.lost_stages",
    "energyprof.collect.sampled_rows",
    "energyprof.collect.spool_owners",
    "energyprof.collect.spool_watch",
    "energyprof.collect.stack_signals",
    "energyprof.collect.unrecorded",
    "energyprof.collect.use_watch",
    "energyprof.launch.host_facts",
    "energyprof.model.power",
    "glob",
    "pathlib",
    "shutil",
    "subprocess",
)
"""What a collector imports only once sensors are being read."""


def main(folder: str) -> None:
    """Make collectors until told to end, or until nobody is left to tell."""
    close_inherited()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system takes them away when they end
    parent = RootProcess(int(read_configuration(folder)["parent_pid"]))
    _load()
    control = Control(0, 1)
    while not parent.has_ended():
        message = control.wait(GLANCE_S)
        if message is not None and message["op"] in {END, LOST}:
            break
        if message is not None and message["op"] == MAKE and os.fork() == 0:
            _collect(str(message["run_dir"]))
    remove_run_folder(folder)


def _load() -> None:
    for name in NEEDED:
        import_module(name)
    platform.platform()  # it asks a program, and keeps the answer
    for spec in discover.plugins(discover.POWER_SOURCES):
        with suppress(EnergyprofError):  # a broken plugin is named by the run that would use it
            spec.load()


def _collect(run_dir: str) -> None:
    """Be the collector of a run, as a fresh interpreter would; does not return."""
    status = 1
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        reader, writer, log = streams_of(run_dir)
        create = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        for number, path, flags in ((0, reader, os.O_RDWR), (1, writer, create), (2, log, create)):
            opened = os.open(path, flags, 0o600)
            os.dup2(opened, number)
            os.close(opened)
        with open(f"{pid_file_of(run_dir)}.new", "x", encoding="ascii") as stream:
            stream.write(f"{os.getpid()}\n")
        os.rename(f"{pid_file_of(run_dir)}.new", pid_file_of(run_dir))  # whoever waits for it reads all of it
        collector_main.main(run_dir)
        status = 0
    finally:
        sys.stderr.flush()
        os._exit(status)

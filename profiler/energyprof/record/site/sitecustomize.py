"""First on PYTHONPATH of a profiled program: start recording, get out of the way, run the user's own sitecustomize.

The interpreter may be any: this file keeps to old syntax, and below Python 3.10 it only gets out of the way.
"""

# Annotations would be syntax errors to the oldest interpreters.
# mypy: ignore-errors

import os
import sys


def _leave_sys_path():
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if entry != here]


def _start_recording():
    package = os.environ.get("ENERGYPROF_PACKAGE")
    if sys.version_info < (3, 10) or not package:
        return
    try:
        if "energyprof" not in sys.modules:
            # By location: the program's environment may hold another version of us, or none.
            _load("energyprof", os.path.join(package, "__init__.py"), [package])
        from energyprof.bootstrap import start

        start()
    except Exception:  # the program must run as if we were not there
        _note(os.environ.get("ENERGYPROF_RUN_DIR"))


def _load(name, file, search):
    from _frozen_importlib import module_from_spec
    from _frozen_importlib_external import spec_from_file_location

    spec = spec_from_file_location(name, file, submodule_search_locations=search)
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


def _note(run_dir):
    try:
        import traceback

        with open(os.path.join(run_dir, "recorder.log"), "a") as log:
            log.write("process %d, loading energyprof:\n%s\n" % (os.getpid(), traceback.format_exc()))  # noqa: UP031
    except Exception:
        return


def _run_users_own():
    from _frozen_importlib import module_from_spec
    from _frozen_importlib_external import PathFinder

    spec = PathFinder.find_spec("sitecustomize")
    if spec is None or spec.loader is None:
        # `site` passes over exactly this error, and then there is no module of this name, as without us.
        raise ImportError("No module named 'sitecustomize'", name="sitecustomize")
    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module  # replaced, not removed: it is being imported
    spec.loader.exec_module(module)


_leave_sys_path()
_start_recording()
if sys.version_info >= (3,):  # noqa: UP036 - whatever interpreter the program starts
    _run_users_own()

"""`%%energyprof` in IPython's terminal: figures are shown, and the current folder stays as it was."""

from __future__ import annotations

import sys
from typing import Any

SESSION = """\
shell = get_ipython()
shell.run_cell("%load_ext energyprof\\nimport energyprof")
shell.run_cell("%%energyprof -s took\\nwith energyprof.stage('inside'):\\n    made = sum(range(10**6))")
shell.run_cell("print('kept', took.path.exists(), [row['stage'] for row in took.stages()])")
shell.run_cell("%%energyprof -q -o asked.eprof\\npass")
"""


def test_a_cell_shows_its_report_and_leaves_only_the_file_that_was_asked_for(programs: Any) -> None:
    place = programs.place
    place.write("session.py", SESSION)
    command = [sys.executable, "-m", "IPython", "--quick", "--colors=NoColor", "--no-banner", "session.py"]

    done = place.call(command, environment={"IPYTHONDIR": str(place.folder / "ipython")})

    text = done.stdout.decode()
    assert done.returncode == 0, done.stderr
    assert "ledger" in text
    assert "inside" in text
    assert "kept True ['inside']" in text
    assert [path.name for path in place.folder.glob("*.eprof")] == ["asked.eprof"]
    programs.nothing_is_left()

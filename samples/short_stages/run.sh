# The commands of README.md, in an empty folder. "$@": what make_recording.py is told, as --in-step.
set -eu
sample=$(dirname "$0")
rm -f run.* spans.csv power.csv
python "$sample/make_recording.py" "$@"
energyprof import --spans spans.csv --power power.csv --measured -o run.eprof
energyprof report run.eprof
energyprof graph run.eprof -o run.png

# The command of README.md, in an empty folder. "$@": what the search is told, as --quick.
set -eu
sample=$(dirname "$0")
rm -f search.*
energyprof run -o search.eprof "$sample/pipeline.py" "$@"

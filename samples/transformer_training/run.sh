# The commands of README.md, in an empty folder. "$@": what the training is told, as --quick.
set -eu
sample=$(dirname "$0")
rm -f bert.* frozen.*
energyprof run -o bert.eprof "$sample/pipeline.py" "$@"
energyprof graph bert.eprof --node-count 26
energyprof layers bert.eprof --depth 2
energyprof layers bert.eprof --phase backward --top 10
energyprof run -o frozen.eprof "$sample/pipeline.py" --frozen "$@"

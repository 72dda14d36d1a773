# The commands of README.md, in an empty folder. "$@": what the assistant is told, as --quick.
set -eu
sample=$(dirname "$0")
rm -f voice.* voice20.* voice12.*
energyprof run -o voice.eprof "$sample/pipeline.py" "$@"
energyprof graph voice.eprof --level stage --node-fraction 0 --edge-fraction 0
energyprof run -o voice20.eprof "$sample/pipeline.py" --window 20 "$@"
energyprof run -o voice12.eprof "$sample/pipeline.py" --window 12 "$@"

# The commands of README.md, in an empty folder. "$@": what the stream is told, as --quick.
set -eu
sample=$(dirname "$0")
rm -f stream.* slow.* fast.* race.* ask.*
energyprof run -o stream.eprof "$sample/pipeline.py" "$@"
energyprof graph stream.eprof --node-count 14
energyprof run -o slow.eprof "$sample/pipeline.py" --fps 5 "$@"
energyprof run -o fast.eprof "$sample/pipeline.py" --fps 40 "$@"
energyprof run -o race.eprof "$sample/pipeline.py" --threads 2 "$@"
energyprof run -o ask.eprof "$sample/pipeline.py" --wait ask "$@"

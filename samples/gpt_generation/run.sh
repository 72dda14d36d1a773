# The commands of README.md, in an empty folder. "$@": what the generation is told, as --quick.
set -eu
sample=$(dirname "$0")
rm -f gpt.* together.*
energyprof run -o gpt.eprof "$sample/pipeline.py" "$@"
energyprof graph gpt.eprof --node-count 24
energyprof layers gpt.eprof --depth 1
energyprof layers gpt.eprof --phase decode --top 10
energyprof run -o together.eprof "$sample/pipeline.py" --together 8 "$@"

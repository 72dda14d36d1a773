# The commands of README.md, in an empty folder. "$@": what the pipeline is told, as --quick.
set -eu
sample=$(dirname "$0")
rm -f digits.* all.*
energyprof run -o digits.eprof "$sample/pipeline.py" "$@"
energyprof run --max-overhead off -o all.eprof "$sample/pipeline.py" "$@"
energyprof layers all.eprof

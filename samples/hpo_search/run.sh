# The commands of README.md, in an empty folder. "$@": what the searches are told, as --quick.
set -eu
sample=$(dirname "$0")
rm -f grid.* tpe.* remembered.*
energyprof run -o grid.eprof "$sample/pipeline.py" --search grid "$@"
energyprof run -o tpe.eprof "$sample/pipeline.py" --search tpe "$@"
energyprof run -o remembered.eprof "$sample/pipeline.py" --search tpe --remember "$@"
energyprof trials grid.eprof tpe.eprof remembered.eprof --target 0.77

# The commands of README.md, in an empty folder. "$@": what the programs are told, as --quick.
set -eu
sample=$(dirname "$0")
rm -rf make.* models sweep-classify
energyprof run -o make.eprof "$sample/make_models.py" "$@"
energyprof sweep --set model=fp32,int8,pruned,narrow --repeats 4 "$sample/classify.py" "$@"
energyprof compare sweep-classify -o front.svg

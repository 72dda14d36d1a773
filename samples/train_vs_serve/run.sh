# The commands of README.md, in an empty folder. "$@": what the programs are told, as --quick.
set -eu
sample=$(dirname "$0")
rm -f train.* serve.* batched.* areas.pt
energyprof run -o train.eprof "$sample/train.py" "$@"
energyprof run -o serve.eprof "$sample/serve.py" "$@"
energyprof run -o batched.eprof "$sample/serve.py" --batch 16 "$@"
load="--clients 1000 --requests-per-client-day 5 --days 30"
energyprof project train.eprof serve.eprof $load -o curves.svg
energyprof project train.eprof serve.eprof $load
energyprof project train.eprof batched.eprof $load

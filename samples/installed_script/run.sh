# The commands of README.md, in an empty folder. The script takes no options: it is as torch brings it.
set -eu
rm -f compare.*
energyprof run -o compare.eprof -m torch.utils.benchmark.examples.compare
energyprof graph compare.eprof --level function --node-count 12

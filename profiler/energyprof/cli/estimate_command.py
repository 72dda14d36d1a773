"""`energyprof estimate`: energy, carbon and rent of a training that is only described."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from energyprof.cli import terminal
from energyprof.cli.file_endings import TABLES, format_asked
from energyprof.cli.footprint_options import HELP, add_footprint_options, assumptions_of
from energyprof.cli.given_numbers import bounds, positive, share, whole
from energyprof.cli.report_command import columns, write_file

NAME = "estimate"
SUMMARY = "Estimate the energy, carbon and rent of a training from a description of it; nothing is measured."
EXAMPLES = f"""\
examples:
  energyprof estimate --hardware H100-SXM --count 8 --hours 24 --region FR
  energyprof estimate --hardware H100-SXM --count 8 --hours 24 --device-price 2..4     its rent in the cloud, too
  energyprof estimate --hardware A100-SXM --parameters 7B --tokens 1T --utilization 40%
  energyprof estimate --hardware H100-SXM --parameters 7B --tokens 1T --dtype fp8
  energyprof estimate --watts 1415.78 --hours 12 --pue 1.58 --carbon 432.7      as in Strubell et al. 2019
  energyprof estimate --device-watts 250 --cpu-watts 90 --dram-watts 20 --count 8 --hours 12
  energyprof estimate --hardware list             the accelerators it knows, with sources
  energyprof estimate --reproduce strubell2019    table 3 of that paper, row by row

energy = PUE * hours * (p_cpu + p_dram + g * p_gpu). Bounds may stand for a figure: --device-watts 300..400.

{HELP}"""
PAPERS = ("strubell2019",)
DTYPES = ("fp32", "tf32", "bf16", "fp16", "fp8", "int8")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    what = parser.add_argument_group("the training")
    what.add_argument("--hardware", metavar="NAME", help="accelerator; list: all that are known")
    what.add_argument("--count", type=whole, metavar="G", help="accelerators at work at once (default: 1)")
    what.add_argument("--hours", type=positive, metavar="H", help="how long they work")
    what.add_argument("--parameters", type=positive, metavar="N", help="instead of hours: parameters, 7B or 7e9")
    what.add_argument("--tokens", type=positive, metavar="N", help="and tokens it is trained with")
    what.add_argument(
        "--utilization", "--utilisation", type=share, metavar="PART", help="of the peak (default: 36 %%, 20 to 56)"
    )
    what.add_argument(
        "--peak-tflops", type=positive, metavar="N", help="peak of one accelerator (default: the table's)"
    )
    what.add_argument("--dtype", choices=DTYPES, help="numbers the peak is that of (default: those of 16 bits)")
    power = parser.add_argument_group("its power, in place of the table's")
    power.add_argument(
        "--watts", type=bounds, metavar="W", help="mean power of everything together, whatever the count"
    )
    power.add_argument("--device-watts", type=bounds, metavar="W", help="mean power of one accelerator, p_gpu")
    power.add_argument("--cpu-watts", type=positive, metavar="W", help="of the host's processors, p_cpu")
    power.add_argument("--dram-watts", type=positive, metavar="W", help="of the host's memory, p_dram")
    add_footprint_options(parser)
    parser.add_argument(
        "--device-price", type=bounds, metavar="USD", help="rent of one accelerator for an hour, or its bounds: 2..4"
    )
    parser.add_argument("--reproduce", choices=PAPERS, help="the figures of a paper beside what comes out here")
    parser.add_argument("-f", "--format", choices=("table", "json"), help="default: table, or what FILE ends in")
    parser.add_argument("-o", "--output", metavar="FILE", help="write to FILE instead of standard output")
    parser.add_argument("--width", type=columns, metavar="N", help="columns, 60 to 200 (default: the terminal's)")


def run(args: argparse.Namespace) -> int:
    """Print the estimate; 0, or an error's own status."""
    content = _content(args)
    if args.output is not None:
        write_file(Path(args.output), content)
    else:
        shown = content if terminal.unicode(sys.stdout) else content.replace("\u00b5", "u")
        terminal.write(shown, sys.stdout)
    return 0


def _content(args: argparse.Namespace) -> str:
    from energyprof.cli import estimate_page
    from energyprof.footprint import accelerators, strubell
    from energyprof.footprint.estimate import Description, estimate
    from energyprof.footprint.training import PUE

    is_json, width = format_asked(args.format, args.output, TABLES) == "json", terminal.width(args.width)
    table = accelerators.shipped()
    if args.reproduce is not None:
        rows = [_reproduced(row, table) for row in strubell.TABLE_3]
        return estimate_page.reproduction_document(rows) if is_json else estimate_page.reproduction_page(rows, width)
    if args.hardware == "list":
        return estimate_page.hardware_document(table) if is_json else estimate_page.hardware_page(table, width)
    described = Description(
        accelerator=None if args.hardware is None else accelerators.find(args.hardware, table),
        count=args.count,
        hours=args.hours,
        parameters=args.parameters,
        tokens=args.tokens,
        utilisation=args.utilization,
        peak_flops=None if args.peak_tflops is None else args.peak_tflops * 1e12,
        dtype=args.dtype,
        system_w=args.watts,
        device_w=args.device_watts,
        cpu_w=args.cpu_watts or 0.0,
        dram_w=args.dram_watts or 0.0,
        usd_per_hour=args.device_price,
    )
    assumed = assumptions_of(args)
    if assumed.pue is None:
        assumed = replace(assumed, pue=PUE)
    found = estimate(described, assumed)
    return estimate_page.document(found) if is_json else estimate_page.page(found, width)


def _reproduced(row: PaperRow, table: tuple[Accelerator, ...]) -> Reproduced:
    from energyprof.footprint import accelerators, strubell

    prices = accelerators.find(row.accelerator, table).usd_per_hour
    assert prices is not None  # the table has one for every accelerator of the paper
    return strubell.reproduce(row, prices)


TYPE_CHECKING = False
if TYPE_CHECKING:
    from energyprof.footprint.accelerators import Accelerator
    from energyprof.footprint.strubell import PaperRow, Reproduced

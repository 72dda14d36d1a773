"""Which architecture a GPU has by the name that nvidia-smi prints, where it does not print its compute capability.

Names and architectures: developer.nvidia.com/cuda-gpus, the list of compute capabilities. A name that no pattern knows
is of unknown architecture, never a guess.
"""

from __future__ import annotations

import re
from typing import Final

from energyprof_plugins.power.nvml_architecture import TABLE, UNKNOWN, Architecture, identify

_BY_NAME: Final = (
    (r"\b(GB10|GB20\d|B100|B200|B300)\b", "Blackwell"),
    (r"RTX 50\d\d|RTX PRO \d", "Blackwell RTX"),
    (r"\bGH200\b|\bH(20|100|200|800)\b", "Hopper"),
    (r"RTX 40\d\d|\bL(4|20|40S?)\b|\bRTX \d{4} Ada\b|Ada Generation", "Ada"),
    (r"\b(A100X?|A800|A30X?)\b", "Ampere GA100"),
    (r"RTX 30\d\d|\bRTX A\d{4}\b|\bA(2|10G?|16|40)\b|\bOrin\b", "Ampere"),
    (r"\bT(4|4G|400|500|600|1000|1200)\b|RTX 20\d\d|GTX 16\d\d|Quadro RTX|TITAN RTX|\bT40\b", "Turing"),
    (r"V100|TITAN V\b|GV100|Xavier", "Volta"),
    (r"\bP(4|6|40|100)\b|GTX 10\d\d|TITAN Xp|Quadro G?P\d+|MX1\d\d", "Pascal"),
    (r"\bM(4|6|10|40|60)\b|GTX 9\d\d|GTX TITAN X|Quadro M\d+", "Maxwell"),
    (r"\bK(8|10|20X?m?|40[cmst]?|80|520)\b|GTX [67]\d\d|Quadro K\d+", "Kepler"),
)


def architecture_of(model: str, capability: str) -> Architecture:
    """Return the architecture by the compute capability (`8.6`), else by the name; unknown where neither tells."""
    if re.fullmatch(r"\d+\.\d+", capability):
        major, minor = capability.split(".")
        return identify((int(major), int(minor)), model)
    if "GH200" in model:
        return identify(None, model)
    name = next((name for pattern, name in _BY_NAME if re.search(pattern, model)), None)
    return next((one for one in TABLE if one.name == name), UNKNOWN)

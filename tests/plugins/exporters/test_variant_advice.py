"""What a comparison advises stands below its table, and in its JSON."""

from __future__ import annotations

import json
from typing import Any

from energyprof.interfaces import RenderContext
from energyprof.model.variants import Mean, VariantRow, Variants
from energyprof_plugins.exporters.variants import VariantTable
from energyprof_plugins.exporters.variants_documents import VariantJson


def test_advice_stands_below_the_table_and_in_the_document(sample: Any) -> None:
    one = Mean(1.0, None, None)
    rows = tuple(VariantRow(f"batch={size}", 3, one, 1.0, one, None, one, "unclear", None) for size in (1, 16))
    advice = "batch=1 leaves capacity free."
    found = Variants(rows, "", "", False, "measured", (0.0, 0.0), (), (advice,))
    context = RenderContext(variants=found)

    assert advice in VariantTable().render(sample.one_stage(), context)
    assert json.loads(VariantJson().render(sample.one_stage(), context))["advice"] == [advice]

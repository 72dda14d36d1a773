"""Samples prepared anew in every epoch, beside a dataset that keeps what is not random and one that is read once."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.slow

PREPARING = """
from torch.utils.data import DataLoader, Dataset
class Files(Dataset):
    def __init__(self, keeps):
        self.keeps, self.kept = keeps, {}
    def __len__(self):
        return 40
    def __getitem__(self, index):
        decoded = self.kept.get(index)
        if decoded is None:
            burn(0.01)
            decoded = torch.full((8,), float(index))
        if self.keeps:
            self.kept[index] = decoded
        burn(0.001)
        return decoded + torch.rand(8)
net = torch.nn.Linear(8, 8)
anew, kept, once = (DataLoader(Files(keeps), batch_size=4, shuffle=True) for keeps in (False, True, False))
for loader, epochs in ((anew, 3), (kept, 3), (once, 1)):
    for _ in range(epochs):
        for batch in loader:
            net.zero_grad()
            net(batch).sum().backward()
            with torch.no_grad():  # by hand: the first optimizer of a process imports for two seconds
                net.weight -= 0.1 * net.weight.grad
"""
"""What is random, and so is not kept, is a tenth of what is not."""


def test_samples_prepared_in_every_epoch_are_found_and_keeping_them_saves_what_is_promised(
    profiled: Any, found: Any
) -> None:
    report = profiled(PREPARING, torch=True)

    (finding,) = found(report, "repeated_preparation")
    assert finding["offenders"] == ["loader"]
    assert finding["evidence"].startswith("30 batches of Files in 3 epochs, ")
    least_j, most_j = finding["saving_j"]
    assert least_j == 0.0
    assert most_j / finding["now_j"] == pytest.approx(2 / 3, abs=0.15)
    cpu_s = {row["stage"]: float(row["cpu_s"]) for row in report["stages"]}
    saved = 1 - cpu_s["loader#2"] / cpu_s["loader"]
    assert saved == pytest.approx(2 / 3 * 10 / 11, abs=0.1)
    assert saved < most_j / finding["now_j"] + 0.1

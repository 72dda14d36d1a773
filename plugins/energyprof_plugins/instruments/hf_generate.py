"""The `generate` of Hugging Face's models as a stage of its own, around the prefill and the decodes that it makes.

What it spends besides them is the choice of tokens: logits processors, sampling, beams, stopping.
"""

from __future__ import annotations

from energyprof_plugins.instruments.torch_generation import GENERATE
from energyprof_plugins.instruments.torch_method import RecordedMethod

TYPE_CHECKING = False
if TYPE_CHECKING:
    from energyprof.interfaces import SpanSink


class HfGenerate:
    """Records `GenerationMixin.generate` until removed."""

    name = "hf_generate"
    framework = "transformers.generation.utils"

    def __init__(self) -> None:
        self._method: RecordedMethod | None = None

    def install(self, sink: SpanSink) -> None:
        """Wrap the method."""
        if self._method is not None:
            return
        from transformers.generation.utils import GenerationMixin

        code = sink.stage_code(GENERATE, kind="generation")
        self._method = RecordedMethod(sink, GenerationMixin, GENERATE, lambda _of: code)

    def remove(self) -> None:
        """Put the original back."""
        if self._method is not None:
            self._method.remove()
            self._method = None

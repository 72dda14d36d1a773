"""Speak text with espeak-ng, as sound in memory: the person who asks and the assistant that answers.

The library and its voices come with the package `espeakng-loader`. What is called here is the C interface of
espeak-ng, `speak_lib.h`, whose constants are named below.
"""

from __future__ import annotations

import ctypes
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

AUDIO_OUTPUT_SYNCHRONOUS = 2
"""Hand sound to the callback, play nothing, and return when all is spoken."""
RATE = 1
"""The parameter of `espeak_SetParameter` that is the speed, in words a minute."""
POSITION_CHARACTER = 1
CHARACTERS_UTF8 = 1
HandOver = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True)
class Sound:
    """Samples between -1 and 1 of one channel, `rate_hz` of them a second."""

    samples: np.ndarray
    rate_hz: int

    @property
    def duration_s(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.rate_hz

    def save(self, path: Path) -> None:
        """Write a WAV file of 16 bits."""
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(self.rate_hz)
            file.writeframes((self.samples * 32767).astype("<i2").tobytes())


class Voice:
    """The American English voice of espeak-ng. A process has one espeak-ng, so that one voice is enough."""

    def __init__(self, words_a_minute: int) -> None:
        from espeakng_loader import get_data_path, get_library_path

        self._espeak = ctypes.CDLL(get_library_path())
        self._espeak.espeak_Synth.argtypes = [ctypes.c_char_p, ctypes.c_size_t, *[ctypes.c_uint] * 2]
        self._espeak.espeak_Synth.argtypes += [ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p]
        self._pieces: list[np.ndarray] = []
        self._hand_over = HandOver(self._take)  # espeak-ng keeps its address: it must live as long as the voice
        folder = get_data_path()
        self._rate_hz = int(self._espeak.espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, folder.encode(), 0))
        if self._rate_hz <= 0:
            raise SystemExit(f"espeak-ng does not start with its voices in {folder}; try: espeak-ng --version")
        self._espeak.espeak_SetSynthCallback(self._hand_over)
        self._espeak.espeak_SetVoiceByName(b"en-us")
        self._espeak.espeak_SetParameter(RATE, words_a_minute, 0)

    def say(self, text: str) -> Sound:
        """Return the text as speech."""
        self._pieces.clear()
        line = text.encode()
        self._espeak.espeak_Synth(line, len(line) + 1, 0, POSITION_CHARACTER, 0, CHARACTERS_UTF8, None, None)
        self._espeak.espeak_Synchronize()
        spoken = np.concatenate(self._pieces) if self._pieces else np.zeros(0, np.int16)
        return Sound(spoken.astype(np.float32) / 32768, self._rate_hz)

    def _take(self, samples: ctypes._Pointer[ctypes.c_short], count: int, _events: int) -> int:
        if samples and count:
            self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())  # espeak-ng uses its buffer again
        return 0

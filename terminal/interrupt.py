"""Ctrl-C ends the program soon, although its main thread may be in a call that does not come back to Python."""

import os
import signal
import threading
import time
from collections.abc import Callable

EXIT_CODE = 130
_SECONDS = 1.5  # that the usual way of ending has


class InterruptWatch:
    """Ends the program, when a first SIGINT has not ended it in time: what is on disk is whole at any moment."""

    def __init__(self) -> None:
        self._sentence: Callable[[], str] | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Watch from now on. For the main thread."""
        woken, wakes = os.pipe()
        os.set_blocking(wakes, False)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        threading.Thread(target=self._watch, args=(woken,), daemon=True, name="interrupt").start()

    def stop(self) -> None:
        """Leave Ctrl-C to somebody else. For the main thread."""
        signal.set_wakeup_fd(-1)

    def will_say(self, sentence: Callable[[], str]) -> None:
        """What is said of an end from now on: found out when it comes."""
        with self._lock:
            self._sentence = sentence

    def take_sentence(self) -> str:
        """What is to be said, for whoever ends the program first; empty afterwards."""
        with self._lock:
            sentence, self._sentence = self._sentence, None
        return sentence() if sentence else ""

    def _watch(self, woken: int) -> None:
        while os.read(woken, 1) != bytes([signal.SIGINT]):
            pass
        time.sleep(_SECONDS)
        if sentence := self.take_sentence():
            os.write(2, f"{sentence}\n".encode())
        os._exit(EXIT_CODE)

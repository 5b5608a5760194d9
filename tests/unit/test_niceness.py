"""Replicas that let others go first on a busy processor."""

import os
import threading

from stt_ai.engines.niceness import FILES, SPEAKERS, SUMMARIES, made_at, step_back


def test_summaries_step_back_behind_speech_and_so_do_the_threads_they_start() -> None:
    found: list[int] = []

    def look() -> None:
        found.append(os.getpriority(os.PRIO_PROCESS, 0))

    def replica() -> None:
        step_back(SUMMARIES)
        look()
        generating = threading.Thread(target=look)
        generating.start()
        generating.join()
        step_back(SPEAKERS)  # no way back
        look()

    thread = threading.Thread(target=replica)
    thread.start()
    thread.join()
    before = os.getpriority(os.PRIO_PROCESS, 0)
    assert found == [max(before, SUMMARIES)] * 3
    assert SUMMARIES > SPEAKERS > FILES > 0


def test_what_is_made_behind_others_leaves_its_maker_where_it_was() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    assert made_at(FILES, lambda: os.getpriority(os.PRIO_PROCESS, 0)) == max(before, FILES)
    assert os.getpriority(os.PRIO_PROCESS, 0) == before

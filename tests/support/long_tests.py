"""What takes long, and says little that other tests do not: `STT_AI_LONG_TESTS=1 make test` does that too."""

import os

import pytest

ASKED_FOR = "STT_AI_LONG_TESTS" in os.environ
long = pytest.mark.skipif(not ASKED_FOR, reason="set STT_AI_LONG_TESTS to run it")

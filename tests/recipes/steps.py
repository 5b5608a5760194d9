"""The command line that the recipes share: their steps by name, all but the fixtures by default."""

import argparse
import ctypes
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PACKAGES = ("libespeak-ng1", "libflite1", "festival", "festvox-kallpc16k", "festvox-kdlpc16k", "ffmpeg")
FIXTURES = "fixtures"


def carry_out(
    parser: argparse.ArgumentParser, steps: Sequence[str], run: Callable[[str, argparse.Namespace], None]
) -> None:
    """Runs the steps that the command line names, in its order. ``parser`` has the recipe's options, `--work` first."""
    every = (*steps, FIXTURES)
    parser.add_argument(
        "steps", nargs="*", metavar="step", help=f"some of {', '.join(every)}; all but the last by default"
    )
    chosen = parser.parse_args()
    wanted = chosen.steps or list(steps)
    unknown = [step for step in wanted if step not in every]
    if unknown:
        parser.error(f"no such step: {', '.join(unknown)}")
    if {"corpus", FIXTURES} & set(wanted):
        require_synthesizers()
    chosen.work.mkdir(parents=True, exist_ok=True)
    for step in wanted:
        print(f"==> {step}", flush=True)
        run(step, chosen)


def require_synthesizers() -> None:
    """Stop with the names of the Debian packages if a synthesizer is missing."""
    missing = [program for program in ("festival", "ffmpeg") if shutil.which(program) is None]
    for library in ("libespeak-ng.so.1", "libflite.so.1"):
        try:
            ctypes.CDLL(library)
        except OSError:
            missing.append(library)
    voices = Path("/usr/share/festival/voices/english")
    missing += [voice for voice in ("kal_diphone", "ked_diphone") if not (voices / voice).is_dir()]
    if missing:
        raise SystemExit(f"missing {', '.join(missing)}: apt-get install {' '.join(PACKAGES)}")

"""The GPU of this process, and the CUDA libraries that CTranslate2 opens by their names.

The wheel of CTranslate2 4.8 has the CUDA runtime in it, and names two libraries that it opens on a GPU: the driver and
CUDA 12's cuBLAS (no cuDNN). torch's wheels bring CUDA 13's cuBLAS, which is another library. The extra `cuda` puts CUDA
12's beside it, into `nvidia/cublas/lib`, where the loader does not look; but what is loaded once is found by its name
ever after.
"""

import ctypes
import shutil
import subprocess
import sys
from pathlib import Path

from stt_ai.types import GpuInfo

DRIVER = "libcuda.so.1"
CUBLAS = ("libcublasLt.so.12", "libcublas.so.12")
"""The first is needed by the second."""

_GET_DRIVER = (
    f"{DRIVER} is missing: install NVIDIA's driver (580 or newer, for torch's CUDA 13); containers get it from the host"
    " by the NVIDIA Container Toolkit (docker run --gpus all)."
)
_GET_CUBLAS = "{} is missing, which CTranslate2 needs on a GPU: pip install '.[server,cuda]' in the checkout"


def find_gpu() -> GpuInfo:
    """Return the first GPU that CTranslate2 can use, with its name and memory by the driver's own tool."""
    import ctranslate2

    if ctranslate2.get_cuda_device_count() == 0:
        return GpuInfo()
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return GpuInfo(True, "NVIDIA GPU", 0)
    asked = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        line = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=True).stdout.splitlines()[0]
        name, memory = line.rsplit(",", 1)
        return GpuInfo(True, name.strip(), int(memory))
    except (subprocess.SubprocessError, OSError, IndexError, ValueError):
        return GpuInfo(True, "NVIDIA GPU", 0)


def load_cuda_libraries() -> tuple[str, ...]:
    """Load what CTranslate2 will open, from wherever it is. Return a sentence for each that cannot be loaded.

    To be called before the first model is put on a GPU.
    """
    if sys.platform != "linux":
        return ()
    problems = [] if _problem_of(DRIVER, _GET_DRIVER) is None else [_GET_DRIVER]
    for name in CUBLAS:
        problem = _problem_of(name, _GET_CUBLAS.format(name))
        if problem is not None:
            problems.append(problem)
            break  # the second would fail for want of the first
    return tuple(problems)


def torch_problem() -> str | None:
    """Return why torch, for diarization and summaries, cannot use a GPU; None: it can."""
    import torch

    if torch.version.cuda is None:
        return f"torch {torch.__version__} was built without CUDA: install PyPI's torch, or PyTorch's for CUDA."
    if not torch.cuda.is_available():
        return (
            f"torch {torch.__version__} finds no GPU that CUDA {torch.version.cuda} can use: is the driver new enough?"
        )
    return None


def _problem_of(name: str, remedy: str) -> str | None:
    """None: the library is loaded. By its name where the loader finds it, else from a wheel of NVIDIA's."""
    problem = remedy
    for place in (name, *_in_wheels(name)):
        try:
            ctypes.CDLL(place)
        except OSError as error:
            if place != name:
                problem = f"{place} is there and cannot be loaded: {error}"
        else:
            return None
    return problem


def _in_wheels(name: str) -> list[str]:
    """Return where pip put the library: each of NVIDIA's wheels has a folder of its own."""
    return [str(path) for entry in sys.path for path in sorted(Path(entry, "nvidia").glob(f"*/lib/{name}"))]

"""Which accelerator this process may use."""

import shutil
import subprocess

from stt_ai.types import GpuInfo


def find_gpu() -> GpuInfo:
    """The first GPU that CTranslate2 can use, with its name and memory by the driver's own tool."""
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

"""A process that encodes 30 s windows and says how long it took: allocator settings hold for a process."""

import json
import resource
import statistics
import sys
import time

import ctranslate2
import numpy as np

from stt_ai.engines.malloc import keep_freed_memory


def main(folder: str, threads: int, compute_type: str, repeats: int, keep: bool) -> None:
    if keep and not keep_freed_memory():
        raise SystemExit("this system's allocator cannot be set")
    model = ctranslate2.models.Whisper(folder, device="cpu", compute_type=compute_type, intra_threads=threads)
    found = {}
    for batch in (1, 8):
        noise = np.random.default_rng(0).standard_normal((batch, model.n_mels, 3000), dtype=np.float32)
        features = ctranslate2.StorageView.from_array(noise)
        model.encode(features)
        seconds, faults = [], resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(repeats):
            begin = time.perf_counter()
            model.encode(features)
            seconds.append((time.perf_counter() - begin) / batch)
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
        found[str(batch)] = {"seconds": statistics.median(seconds), "faults": faults / repeats / batch}
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5] == "keep")

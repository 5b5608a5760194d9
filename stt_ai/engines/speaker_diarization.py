"""pyannote's `SpeakerDiarization` with the same results from less work, and in memory that suits files of hours.

What differs, and why it changes nothing but time and memory (the tests compare both):

- The waveform stays int16, wherever it is kept; only what a batch needs becomes float32.
- Local segmentations of powerset models are zeros and ones, and are kept as bytes.
- The embedding model's trunk runs once for each chunk, not once for each of its local speakers: they differ only in the
  weights of the pooling at its end. Chunks in which nobody speaks are not run at all.
- Overlapping chunks are added up where they belong, without an array of chunks × frames × speakers.

Beyond some thousand embeddings clustering is bounded too, which alone can change a result: `stt_ai.engines.linkage`
makes the dendrogram, and `stt_ai.engines.vbx` keeps the number of voices from growing with the length of the file.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pyannote.audio.models.embedding.wespeaker import BaseWeSpeakerResNet
from pyannote.audio.pipelines import SpeakerDiarization, clustering
from pyannote.core import Annotation, Segment, SlidingWindow, SlidingWindowFeature

from stt_ai.engines.ge2e import Ge2eEmbedding
from stt_ai.engines.linkage import linkage
from stt_ai.engines.pcm import PcmReader
from stt_ai.engines.vbx import BoundedVBx, cluster_vbx, silence_vbx
from stt_ai.types import SAMPLE_RATE

Bits = npt.NDArray[np.uint8]
Hook = Callable[..., None]


def replace_clustering() -> None:
    """Replace functions that pyannote looks up in its own modules, in this process. May be called again."""
    clustering.linkage = linkage
    clustering.cluster_vbx = cluster_vbx
    silence_vbx()


class LongFileDiarization(SpeakerDiarization):  # type: ignore[misc]
    """To be applied to ``{"uri": …, "samples": PcmReader}``. ``hook`` is called after every batch, and may raise.

    ``workers`` run all calls of the models, of all threads that apply the pipeline, ``max_concurrency`` at once.
    """

    workers: Executor
    max_concurrency = 1
    clustering: Any

    def __init__(self, **parameters: Any) -> None:
        replace_clustering()
        super().__init__(**parameters)
        if isinstance(self.clustering, clustering.VBxClustering):
            self.clustering = BoundedVBx(self._plda, metric=self.clustering.metric)

    def get_segmentations(self, file: Any, hook: Hook | None = None) -> SlidingWindowFeature:
        """Return who speaks when in each chunk: [chunks, frames, local speakers]."""
        inference, samples = self._segmentation, file["samples"]
        window, step = round(inference.duration * SAMPLE_RATE), round(inference.step * SAMPLE_RATE)
        chunks = 1 + max(0, -(-(len(samples) - window) // step))
        out: npt.NDArray[Any] | None = None
        batches = list(_batches(np.arange(chunks), inference.batch_size))
        waves = ((_waves(samples, batch * step, window),) for batch in batches)
        for batch, local in zip(batches, self._run(inference.infer, waves), strict=True):
            if out is None:
                kind = np.uint8 if inference.model.specifications.powerset else np.float32
                out = np.empty((chunks, *local.shape[1:]), kind)
            out[batch] = local
            _report(hook, "segmentation", int(batch[-1]) + 1, chunks)
        return SlidingWindowFeature(out, SlidingWindow(duration=inference.duration, step=inference.step))

    def get_embeddings(
        self,
        file: Any,
        binary_segmentations: SlidingWindowFeature,
        exclude_overlap: bool = False,
        hook: Hook | None = None,
    ) -> npt.NDArray[np.float32]:
        """Return one embedding for each chunk and local speaker, [chunks, local speakers, dimension].

        Where nobody speaks it is zeros but for a first 1: the caller leaves those out, and only must be able to
        compare them.
        """
        active, sliding = binary_segmentations.data, binary_segmentations.sliding_window
        chunks, frames, speakers = active.shape
        window = round(sliding.duration * SAMPLE_RATE)
        min_frames = math.ceil(frames * self._embedding.min_num_samples / window) if exclude_overlap else -1
        out = np.zeros((chunks, speakers, self._embedding.dimension), np.float32)
        out[..., 0] = 1
        spoken = np.flatnonzero(np.nan_to_num(active).any(axis=(1, 2)))
        batches = list(_batches(spoken, self._chunks_a_batch(speakers)))

        def arguments(batch: npt.NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
            starts = np.array([round(sliding[int(chunk)].start * SAMPLE_RATE) for chunk in batch])
            masks = torch.from_numpy(_masks(active[batch], exclude_overlap, min_frames))
            return _waves(file["samples"], starts, window), masks

        for batch, embeddings in zip(batches, self._run(self._embed, map(arguments, batches)), strict=True):
            out[batch] = embeddings
            _report(hook, "embeddings", int(batch[-1]) + 1, chunks)
        return out

    def reconstruct(
        self, segmentations: SlidingWindowFeature, hard_clusters: npt.NDArray[np.int8], count: SlidingWindowFeature
    ) -> SlidingWindowFeature:
        """Return the ``count`` most active clusters of each frame: [frames, clusters] of 0 and 1."""
        _, frames, _ = segmentations.data.shape
        clusters = max(int(hard_clusters.max()) + 1, int(count.data.max()))
        where = count.sliding_window
        activity = np.zeros((len(count.data) + frames, clusters), np.float32)
        for chunk, local, cluster in zip(segmentations.sliding_window, segmentations.data, hard_clusters, strict=False):
            first = where.closest_frame(chunk.start + 0.5 * where.duration)
            for one in set(cluster.tolist()) - {-2}:
                activity[first : first + frames, one] += local[:, cluster == one].max(axis=1)
        activity = activity[: len(count.data)]
        order = np.argsort(-activity, axis=1)
        binary = np.zeros_like(activity)
        for rank in range(int(count.data.max())):
            chosen = np.flatnonzero(count.data[:, 0] > rank)
            binary[chosen, order[chosen, rank]] = 1
        return SlidingWindowFeature(binary, where)

    @staticmethod
    def to_annotation(
        discrete_diarization: SlidingWindowFeature, min_duration_on: float = 0.0, min_duration_off: float = 0.0
    ) -> Annotation:
        """Return the turns, from the middle of their first frame to that of the first frame after them."""
        if min_duration_on > 0 or min_duration_off > 0:
            return SpeakerDiarization.to_annotation(discrete_diarization, min_duration_on, min_duration_off)
        turns, where = Annotation(), discrete_diarization.sliding_window
        for label, active in enumerate(discrete_diarization.data.T > 0.5):
            changes = np.flatnonzero(np.diff(active, prepend=False))
            edges = [where[int(frame)].middle for frame in changes]
            if active[-1]:
                edges.append(where[len(active) - 1].middle)
            for start, end in list(pairwise(edges))[::2]:
                turns[Segment(start, end), label] = label
        return turns

    def _run(self, model: Callable[..., Any], batches: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        """Yield what ``model`` makes of each batch, in order; the next ones are begun meanwhile."""
        begun: deque[Future[Any]] = deque()
        for batch in batches:
            begun.append(self.workers.submit(model, *batch))
            if len(begun) > self.max_concurrency:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()

    def _chunks_a_batch(self, speakers: int) -> int:
        """``embedding_batch_size`` counts (chunk, speaker) pairs, and the trunk is what takes memory."""
        return max(1, int(self.embedding_batch_size) // (1 if self._shares_trunk else speakers))

    @property
    def _shares_trunk(self) -> bool:
        """Return whether the embedding model takes the weights of several speakers of one wave."""
        return isinstance(getattr(self._embedding, "model_", None), BaseWeSpeakerResNet | Ge2eEmbedding)

    def _embed(self, waves: torch.Tensor, masks: torch.Tensor) -> npt.NDArray[np.float32]:
        """Waves [chunks, 1, samples] and masks [chunks, speakers, frames] to [chunks, speakers, dimension]."""
        device = self._embedding.device
        if self._shares_trunk:
            with torch.inference_mode():
                embeddings: npt.NDArray[np.float32] = (
                    self._embedding.model_(waves.to(device), weights=masks.to(device)).cpu().numpy()
                )
            return embeddings
        chunks, speakers, _ = masks.shape
        pairs = self._embedding(waves.repeat_interleave(speakers, dim=0), masks=masks.flatten(0, 1))
        return np.asarray(pairs).reshape(chunks, speakers, -1)


def _batches(items: npt.NDArray[np.int64], size: int) -> Iterator[npt.NDArray[np.int64]]:
    return (items[at : at + size] for at in range(0, len(items), size))


def _waves(samples: PcmReader, starts: npt.NDArray[np.int64], window: int) -> torch.Tensor:
    """float32 [chunks, 1, window] in -1 to 1. ``starts`` are near each other, so their stretch is read once."""
    first = int(starts[0])
    stretch = samples.read(first, int(starts[-1]) + window).astype(np.float32) / 32768
    return torch.from_numpy(np.stack([stretch[start - first : start - first + window] for start in starts])[:, None])


def _masks(active: npt.NDArray[Any], exclude_overlap: bool, min_frames: int) -> npt.NDArray[np.float32]:
    """Return weights [chunks, speakers, frames]; without overlap for speakers with more than ``min_frames`` others."""
    masks = np.nan_to_num(active).astype(np.float32).transpose(0, 2, 1)
    if exclude_overlap:
        clean = masks * (masks.sum(axis=1, keepdims=True) < 2)
        masks = np.where(clean.sum(axis=2, keepdims=True) > min_frames, clean, masks)
    return np.ascontiguousarray(masks)


def _report(hook: Hook | None, step: str, completed: int, total: int) -> None:
    if hook is not None:
        hook(step, None, completed=completed, total=total)

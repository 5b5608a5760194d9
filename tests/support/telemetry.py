"""Meters that remember, and spans in memory."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from stt_ai import stages
from stt_ai.meters import ALL, Counter, Gauge, Histogram, Meter


class RecordedMeters:
    """Every value that was reported, by meter and labels. As strict as Ray about labels, and stricter about values."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, ...], list[float]] = defaultdict(list)

    def add(self, meter: Counter, amount: float = 1.0, /, **labels: str) -> None:
        assert amount >= 0
        self._note(meter, Counter, amount, labels)

    def observe(self, meter: Histogram, value: float, /, **labels: str) -> None:
        assert value >= 0
        self._note(meter, Histogram, value, labels)

    def of(self, meter: Meter, /, **labels: str) -> list[float]:
        """In order; all of the meter's without ``labels``."""
        return [
            value
            for (name, *said), values in list(self.values.items())
            if name == meter.name and {f"{key}={value}" for key, value in labels.items()}.issubset(said)
            for value in values
        ]

    def labels(self, meter: Meter) -> set[tuple[str, ...]]:
        return {tuple(said) for name, *said in list(self.values) if name == meter.name}

    def set(self, meter: Gauge, value: float, /, **labels: str) -> None:
        self._note(meter, Gauge, value, labels)

    def _note(self, meter: Meter, kind: type, value: float, labels: dict[str, str]) -> None:
        assert meter in ALL and isinstance(meter, kind)
        assert sorted(labels) == sorted(meter.labels)
        assert all(isinstance(label, str) for label in labels.values())
        self.values[meter.name, *(f"{key}={labels[key]}" for key in meter.labels)].append(value)


@contextmanager
def spans_in_memory() -> Iterator[InMemorySpanExporter]:
    """What our code traces meanwhile, in this process."""
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    with patch.object(stages, "tracer", provider.get_tracer("test")):
        yield kept


def named(kept: InMemorySpanExporter, name: str) -> ReadableSpan:
    """The one span of that name."""
    (found,) = (span for span in kept.get_finished_spans() if span.name == name)
    return found

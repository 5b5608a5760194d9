"""The figures of all nodes in one text, for whoever cannot reach each node's metrics port."""

import asyncio
import logging
import urllib.request
from collections.abc import Iterable, Iterator

import ray

from stt_ai.errors import Unavailable

logger = logging.getLogger(__name__)

SHOWN = ("ray_stt_ai_", "ray_serve_")
"""Ours and Serve's. Ray's own of nodes, tasks and objects are ten times as many, and stand at the nodes' ports."""
TIMEOUT_S = 5.0


class ClusterExposition:
    """Asks the agent of every node that lives. What a process counted is there within 10 s, and there to stay."""

    async def text(self) -> str:
        """Return the metrics of all nodes, in Prometheus' text format. Raise `Unavailable` where none answers."""
        nodes = await asyncio.to_thread(ray.nodes)
        addresses = [
            f"http://{_host(node['NodeManagerAddress'])}:{node['MetricsExportPort']}/metrics"
            for node in nodes
            if node["Alive"] and node.get("MetricsExportPort")
        ]
        texts = await asyncio.gather(*(asyncio.to_thread(_fetch, address) for address in addresses))
        answers = [text for text in texts if text is not None]
        if not answers:
            raise Unavailable("Metrics are not available at the moment.", 10)
        return await asyncio.to_thread(joined, answers, SHOWN)


def joined(texts: Iterable[str], shown: tuple[str, ...]) -> str:
    """Several texts of Prometheus' format as one: each metric once, with the samples that any of them has of it.

    Only metrics whose name begins with one of ``shown``.
    """
    heads: dict[str, list[str]] = {}
    samples: dict[str, list[str]] = {}
    for text in texts:
        for name, about, lines in _families(text):
            if name.startswith(shown):
                heads.setdefault(name, about)
                samples.setdefault(name, []).extend(lines)
    lines = [line for name, about in heads.items() for line in (*about, *samples[name])]
    return "".join(f"{line}\n" for line in lines)


def _families(text: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield (name, comments, samples) of each metric, whose `# HELP` and `# TYPE` come before its samples."""
    name, about, lines = "", list[str](), list[str]()
    for line in text.splitlines():
        if line.startswith("# "):
            following = line.split(" ", 3)[2]
            if following != name:
                if name:
                    yield name, about, lines
                name, about, lines = following, [], []
            about.append(line)
        elif line:
            lines.append(line)
    if name:
        yield name, about, lines


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _fetch(address: str) -> str | None:
    """None: the node does not answer; the others' figures are worth having."""
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer:
            text: str = answer.read().decode()
    except OSError as error:
        logger.warning("no figures from %s: %s", address, error)
        return None
    return text

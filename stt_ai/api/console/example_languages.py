"""How an example begins in each language, with this service's own clients and OpenAI's."""

BASE = "http://127.0.0.1:8000"
"""Stands for the service's address; `/docs` shows the one that it was asked at."""
KEY = "YOUR_API_KEY"

LANGUAGES = {"curl": "sh", "Python": "python", "JavaScript": "js"}
"""What an example is written in, and the extension of its file."""

AUTH = f'-H "Authorization: Bearer {KEY}"'
JSON = '-H "Content-Type: application/json"'
PYTHON = f'from stt_ai import Client\n\nclient = Client(api_key="{KEY}", base_url="{BASE}")\n'
JAVASCRIPT = (
    f'import {{ Client }} from "stt-ai";\n\nconst client = new Client({{ apiKey: "{KEY}", baseUrl: "{BASE}" }});\n'
)
_OPENAI_PYTHON = f'from openai import OpenAI\n\nclient = OpenAI(api_key="{KEY}", base_url="{BASE}/v1")\n'
_OPENAI_JAVASCRIPT = (
    'import fs from "node:fs";\nimport OpenAI from "openai";\n\n'
    f'const client = new OpenAI({{ apiKey: "{KEY}", baseURL: "{BASE}/v1" }});\n'
)


def own(curl: str, python: str, javascript: str) -> dict[str, str]:
    """Return an example with this service's own clients."""
    return {"curl": curl, "Python": PYTHON + python, "JavaScript": JAVASCRIPT + javascript}


def openai(curl: str, python: str, javascript: str) -> dict[str, str]:
    """Return an example with OpenAI's clients."""
    return {"curl": curl, "Python": _OPENAI_PYTHON + python, "JavaScript": _OPENAI_JAVASCRIPT + javascript}


def plain(path: str, token: str = "", read: str = "json") -> dict[str, str]:
    """Return an example of a GET that no client has a call for."""
    header = f'-H "Authorization: Bearer {token}" ' if token else ""
    sent = f', headers={{"Authorization": "Bearer {token}"}}' if token else ""
    options = f', {{ headers: {{ Authorization: "Bearer {token}" }} }}' if token else ""
    text = "answer.json()" if read == "json" else "answer.text"
    return {
        "curl": f"curl {header}{BASE}{path}",
        "Python": f'import httpx\n\nanswer = httpx.get("{BASE}{path}"{sent})\nprint({text})',
        "JavaScript": f'const answer = await fetch("{BASE}{path}"{options});\nconsole.log(await answer.{read}());',
    }

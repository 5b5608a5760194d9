"""One example of each operation in curl, Python and JavaScript. `/docs` shows them, and tests run them as printed."""

BASE = "http://127.0.0.1:8000"
"""Stands for the service's address; `/docs` shows the one that it was asked at."""
KEY = "YOUR_API_KEY"

LANGUAGES = {"curl": "sh", "Python": "python", "JavaScript": "js"}
"""What an example is written in, and the extension of its file."""

_AUTH = f'-H "Authorization: Bearer {KEY}"'
_JSON = '-H "Content-Type: application/json"'
_PYTHON = f'from stt_ai import Client\n\nclient = Client(api_key="{KEY}", base_url="{BASE}")\n'
_JAVASCRIPT = (
    f'import {{ Client }} from "stt-ai";\n\nconst client = new Client({{ apiKey: "{KEY}", baseUrl: "{BASE}" }});\n'
)
_OPENAI_PYTHON = f'from openai import OpenAI\n\nclient = OpenAI(api_key="{KEY}", base_url="{BASE}/v1")\n'
_OPENAI_JAVASCRIPT = (
    'import fs from "node:fs";\nimport OpenAI from "openai";\n\n'
    f'const client = new OpenAI({{ apiKey: "{KEY}", baseURL: "{BASE}/v1" }});\n'
)


def _own(curl: str, python: str, javascript: str) -> dict[str, str]:
    """With this service's own clients."""
    return {"curl": curl, "Python": _PYTHON + python, "JavaScript": _JAVASCRIPT + javascript}


def _openai(curl: str, python: str, javascript: str) -> dict[str, str]:
    return {"curl": curl, "Python": _OPENAI_PYTHON + python, "JavaScript": _OPENAI_JAVASCRIPT + javascript}


def _plain(path: str, token: str = "", read: str = "json") -> dict[str, str]:
    """Of what no client has a call for."""
    header = f'-H "Authorization: Bearer {token}" ' if token else ""
    sent = f', headers={{"Authorization": "Bearer {token}"}}' if token else ""
    options = f', {{ headers: {{ Authorization: "Bearer {token}" }} }}' if token else ""
    text = "answer.json()" if read == "json" else "answer.text"
    return {
        "curl": f"curl {header}{BASE}{path}",
        "Python": f'import httpx\n\nanswer = httpx.get("{BASE}{path}"{sent})\nprint({text})',
        "JavaScript": f'const answer = await fetch("{BASE}{path}"{options});\nconsole.log(await answer.{read}());',
    }


EXAMPLES: dict[str, dict[str, str]] = {
    "transcribe": _own(
        f"curl {BASE}/v1/transcribe {_AUTH} -F file=@meeting.mp3",
        'result = client.transcribe("meeting.mp3")\nfor segment in result.segments:\n'
        "    print(segment.start, segment.speaker, segment.text)",
        'const result = await client.transcribe("meeting.mp3");\n'
        "for (const { start, speaker, text } of result.segments) console.log(start, speaker, text);",
    ),
    "create_transcription": _openai(
        f"curl {BASE}/v1/audio/transcriptions {_AUTH} -F file=@meeting.mp3 -F model=whisper-1",
        'with open("meeting.mp3", "rb") as file:\n'
        '    print(client.audio.transcriptions.create(file=file, model="whisper-1").text)',
        'const file = fs.createReadStream("meeting.mp3");\n'
        'console.log((await client.audio.transcriptions.create({ file, model: "whisper-1" })).text);',
    ),
    "create_translation": _openai(
        f"curl {BASE}/v1/audio/translations {_AUTH} -F file=@meeting.mp3 -F model=whisper-1",
        'with open("meeting.mp3", "rb") as file:\n'
        '    print(client.audio.translations.create(file=file, model="whisper-1").text)',
        'const file = fs.createReadStream("meeting.mp3");\n'
        'console.log((await client.audio.translations.create({ file, model: "whisper-1" })).text);',
    ),
    "stream": {
        "Python": _PYTHON
        + 'with client.stream("meeting.mp3") as stream:\n    for event in stream:\n        print(event)',
        "JavaScript": _JAVASCRIPT + 'import fs from "node:fs";\n\n'
        'for await (const event of client.stream(fs.createReadStream("meeting.wav"))) {\n'
        '  if (event.type === "final") console.log(event.text);\n}',
    },
    "create_token": {
        "curl": f"curl -X POST {_AUTH} {BASE}/v1/stream/token",
        "Python": f'import httpx\n\nanswer = httpx.post("{BASE}/v1/stream/token", '
        f'headers={{"Authorization": "Bearer {KEY}"}})\nprint(answer.json()["token"])',
        "JavaScript": _JAVASCRIPT + "console.log((await client.streamToken()).token);",
    },
    "summarize": _own(
        f"curl {BASE}/v1/summarize {_AUTH} {_JSON} \\\n"
        """  -d '{"text": "Emma will send the report on Monday.", "style": "action_items"}'""",
        'print(client.summarize("Emma will send the report on Monday.", "action_items").summary)',
        'const text = "Emma will send the report on Monday.";\n'
        'console.log((await client.summarize(text, { style: "action_items" })).summary);',
    ),
    "list_models": _own(
        f"curl {BASE}/v1/models",
        "for model in client.models():\n    print(model.id, model.name)",
        "for (const { id, name } of await client.models()) console.log(id, name);",
    ),
    "get_model": _openai(
        f"curl {BASE}/v1/models/whisper-1",
        'print(client.models.retrieve("whisper-1").id)',
        'console.log((await client.models.retrieve("whisper-1")).id);',
    ),
    "list_languages": _own(
        f"curl {BASE}/v1/languages",
        "for language in client.languages():\n    print(language.code, language.name)",
        "for (const { code, name } of await client.languages()) console.log(code, name);",
    ),
    "list_plans": {
        **_plain("/v1/plans"),
        "JavaScript": _JAVASCRIPT + "console.log((await client.plans()).plans);",
    },
    "sign_up": _own(
        f"""curl {BASE}/v1/account {_JSON} -d '{{"name": "Ada"}}'""",
        'print(client.sign_up("Ada").key.key)',
        'console.log((await client.signUp("Ada")).key.key);',
    ),
    "get_account": _own(
        f"curl {_AUTH} {BASE}/v1/account",
        "print(client.account().allowance.remaining)",
        "console.log((await client.account()).allowance.remaining);",
    ),
    "get_usage": _own(
        f'curl {_AUTH} "{BASE}/v1/account/usage?limit=10"',
        "for request in client.usage(limit=10).requests:\n    print(request.at, request.seconds, request.credits)",
        "for (const { at, credits } of (await client.usage({ limit: 10 })).requests) console.log(at, credits);",
    ),
    "create_key": _own(
        f"""curl {BASE}/v1/account/keys {_AUTH} {_JSON} -d '{{"name": "laptop"}}'""",
        'print(client.create_key("laptop").key)',
        'console.log((await client.keys.create("laptop")).key);',
    ),
    "list_keys": _own(
        f"curl {_AUTH} {BASE}/v1/account/keys",
        "for key in client.keys():\n    print(key.id, key.name)",
        "for (const { id, name } of await client.keys.list()) console.log(id, name);",
    ),
    "revoke_key": _own(
        f"curl -X DELETE {_AUTH} {BASE}/v1/account/keys/KEY_ID",
        'print(client.revoke_key("KEY_ID").revoked_at)',
        'console.log((await client.keys.revoke("KEY_ID")).revoked_at);',
    ),
    "get_health": _own(
        f"curl {BASE}/health", "print(client.health().status)", "console.log((await client.health()).status);"
    ),
    "livez": _plain("/livez"),
    "readyz": _plain("/readyz"),
    "metrics": _plain("/metrics", "METRICS_TOKEN", "text"),
}
"""By operation id, then by language."""

"""One example of each operation in curl, Python and JavaScript. `/docs` shows them, and tests run them as printed."""

from stt_ai.api.console.example_languages import AUTH, BASE, JAVASCRIPT, JSON, KEY, PYTHON, openai, own, plain
from stt_ai.api.console.examples_jobs import JOB_EXAMPLES
from stt_ai.api.console.examples_uploads import UPLOAD_EXAMPLES, WEBHOOK_EXAMPLES

EXAMPLES: dict[str, dict[str, str]] = {
    "transcribe": own(
        f"curl {BASE}/v1/transcribe {AUTH} -F file=@meeting.mp3",
        'result = client.transcribe("meeting.mp3")\nfor segment in result.segments:\n'
        "    print(segment.start, segment.speaker, segment.text)",
        'const result = await client.transcribe("meeting.mp3");\n'
        "for (const { start, speaker, text } of result.segments) console.log(start, speaker, text);",
    ),
    "create_transcription": openai(
        f"curl {BASE}/v1/audio/transcriptions {AUTH} -F file=@meeting.mp3 -F model=whisper-1",
        'with open("meeting.mp3", "rb") as file:\n'
        '    print(client.audio.transcriptions.create(file=file, model="whisper-1").text)',
        'const file = fs.createReadStream("meeting.mp3");\n'
        'console.log((await client.audio.transcriptions.create({ file, model: "whisper-1" })).text);',
    ),
    "create_translation": openai(
        f"curl {BASE}/v1/audio/translations {AUTH} -F file=@meeting.mp3 -F model=whisper-1",
        'with open("meeting.mp3", "rb") as file:\n'
        '    print(client.audio.translations.create(file=file, model="whisper-1").text)',
        'const file = fs.createReadStream("meeting.mp3");\n'
        'console.log((await client.audio.translations.create({ file, model: "whisper-1" })).text);',
    ),
    "stream": {
        "Python": PYTHON
        + 'with client.stream("meeting.mp3") as stream:\n    for event in stream:\n        print(event)',
        "JavaScript": JAVASCRIPT + 'import fs from "node:fs";\n\n'
        'for await (const event of client.stream(fs.createReadStream("meeting.wav"))) {\n'
        '  if (event.type === "final") console.log(event.text);\n}',
    },
    "create_token": {
        "curl": f"curl -X POST {AUTH} {BASE}/v1/stream/token",
        "Python": f'import httpx\n\nanswer = httpx.post("{BASE}/v1/stream/token", '
        f'headers={{"Authorization": "Bearer {KEY}"}})\nprint(answer.json()["token"])',
        "JavaScript": JAVASCRIPT + "console.log((await client.streamToken()).token);",
    },
    "summarize": own(
        f"curl {BASE}/v1/summarize {AUTH} {JSON} \\\n"
        """  -d '{"text": "Emma will send the report on Monday.", "style": "action_items"}'""",
        'print(client.summarize("Emma will send the report on Monday.", "action_items").summary)',
        'const text = "Emma will send the report on Monday.";\n'
        'console.log((await client.summarize(text, { style: "action_items" })).summary);',
    ),
    "list_models": own(
        f"curl {BASE}/v1/models",
        "for model in client.models():\n    print(model.id, model.name)",
        "for (const { id, name } of await client.models()) console.log(id, name);",
    ),
    "get_model": openai(
        f"curl {BASE}/v1/models/whisper-1",
        'print(client.models.retrieve("whisper-1").id)',
        'console.log((await client.models.retrieve("whisper-1")).id);',
    ),
    "list_languages": own(
        f"curl {BASE}/v1/languages",
        "for language in client.languages():\n    print(language.code, language.name)",
        "for (const { code, name } of await client.languages()) console.log(code, name);",
    ),
    "list_plans": {
        **plain("/v1/plans"),
        "JavaScript": JAVASCRIPT + "console.log((await client.plans()).plans);",
    },
    "sign_up": own(
        f"""curl {BASE}/v1/account {JSON} -d '{{"name": "Ada"}}'""",
        'print(client.sign_up("Ada").key.key)',
        'console.log((await client.signUp("Ada")).key.key);',
    ),
    "get_account": own(
        f"curl {AUTH} {BASE}/v1/account",
        "print(client.account().allowance.remaining)",
        "console.log((await client.account()).allowance.remaining);",
    ),
    "get_usage": own(
        f'curl {AUTH} "{BASE}/v1/account/usage?limit=10"',
        "for request in client.usage(limit=10).requests:\n    print(request.at, request.seconds, request.credits)",
        "for (const { at, credits } of (await client.usage({ limit: 10 })).requests) console.log(at, credits);",
    ),
    "create_key": own(
        f"""curl {BASE}/v1/account/keys {AUTH} {JSON} -d '{{"name": "laptop"}}'""",
        'print(client.create_key("laptop").key)',
        'console.log((await client.keys.create("laptop")).key);',
    ),
    "list_keys": own(
        f"curl {AUTH} {BASE}/v1/account/keys",
        "for key in client.keys():\n    print(key.id, key.name)",
        "for (const { id, name } of await client.keys.list()) console.log(id, name);",
    ),
    "revoke_key": own(
        f"curl -X DELETE {AUTH} {BASE}/v1/account/keys/KEY_ID",
        'print(client.revoke_key("KEY_ID").revoked_at)',
        'console.log((await client.keys.revoke("KEY_ID")).revoked_at);',
    ),
    "get_health": own(
        f"curl {BASE}/health", "print(client.health().status)", "console.log((await client.health()).status);"
    ),
    "livez": plain("/livez"),
    "readyz": plain("/readyz"),
    "metrics": plain("/metrics", "METRICS_TOKEN", "text"),
    **JOB_EXAMPLES,
    **UPLOAD_EXAMPLES,
    **WEBHOOK_EXAMPLES,
}
"""By operation id, then by language."""

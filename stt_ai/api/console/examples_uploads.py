"""Examples of the operations on resumable uploads and on webhooks. `UPLOAD_ID` stands for the id of an upload."""

from stt_ai.api.console.example_languages import AUTH, BASE, JSON, KEY, own, plain

_TUS = '-H "Tus-Resumable: 1.0.0"'
_PIECE = '-H "Upload-Offset: 0" -H "Content-Type: application/offset+octet-stream"'
_HEADERS = f'Authorization: "Bearer {KEY}", "Tus-Resumable": "1.0.0"'
_READ = 'import { readFile } from "node:fs/promises";\n\nconst recording = await readFile("meeting.mp3");\n'

UPLOAD_EXAMPLES: dict[str, dict[str, str]] = {
    "create_upload": {
        **own(
            f'curl -i -X POST {AUTH} {_TUS} -H "Upload-Length: 48000" {BASE}/v1/uploads',
            'upload_id = client.uploads.send("meeting.mp3")  # all of it, going on after a break\n'
            "print(client.transcribe(upload_id=upload_id).text)",
            "",
        ),
        "JavaScript": f'{_READ}const headers = {{ {_HEADERS}, "Upload-Length": String(recording.length) }};\n'
        f'const answer = await fetch("{BASE}/v1/uploads", {{ method: "POST", headers }});\n'
        "console.log((await answer.json()).id);",
    },
    "get_upload": plain("/v1/uploads/UPLOAD_ID", KEY),
    "append_to_upload": {
        **own(
            f"curl -i -X PATCH {AUTH} {_TUS} {_PIECE} \\\n  --data-binary @meeting.mp3 {BASE}/v1/uploads/UPLOAD_ID",
            'print(client.uploads.send("meeting.mp3", upload_id="UPLOAD_ID"))  # the rest of it',
            "",
        ),
        "JavaScript": f"{_READ}const headers = {{\n  {_HEADERS},\n"
        '  "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream",\n};\n'
        f'const answer = await fetch("{BASE}/v1/uploads/UPLOAD_ID", {{ method: "PATCH", headers, body: recording }});\n'
        'console.log(answer.status, answer.headers.get("Upload-Offset"));',
    },
    "delete_upload": {
        **own(
            f"curl -i -X DELETE {AUTH} {_TUS} {BASE}/v1/uploads/UPLOAD_ID",
            'client.uploads.delete("UPLOAD_ID")\nprint("It is gone.")',
            "",
        ),
        "JavaScript": f"const headers = {{ {_HEADERS} }};\n"
        f'const answer = await fetch("{BASE}/v1/uploads/UPLOAD_ID", {{ method: "DELETE", headers }});\n'
        "console.log(answer.status);",
    },
}
"""By operation id, then by language."""

WEBHOOK_EXAMPLES: dict[str, dict[str, str]] = {
    "list_deliveries": plain("/v1/jobs/JOB_ID/deliveries", KEY),
    "get_webhook_secret": plain("/v1/account/webhook-secret", KEY),
    "rotate_webhook_secret": {
        "curl": f"curl {AUTH} {JSON} -d '{{}}' {BASE}/v1/account/webhook-secret/rotate",
        "Python": f'import httpx\n\nheaders = {{"Authorization": "Bearer {KEY}"}}\n'
        f'answer = httpx.post("{BASE}/v1/account/webhook-secret/rotate", headers=headers, json={{}})\n'
        'print(answer.json()["secret"])',
        "JavaScript": f'const headers = {{ Authorization: "Bearer {KEY}", "Content-Type": "application/json" }};\n'
        f'const address = "{BASE}/v1/account/webhook-secret/rotate";\n'
        'const answer = await fetch(address, { method: "POST", headers, body: "{}" });\n'
        "console.log((await answer.json()).secret);",
    },
}

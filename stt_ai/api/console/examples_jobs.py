"""Examples of the operations on jobs. `JOB_ID` stands for the id of one."""

from stt_ai.api.console.example_languages import AUTH, BASE, JSON, KEY, own, plain

JOB_EXAMPLES: dict[str, dict[str, str]] = {
    "create_job": own(
        f"curl {BASE}/v1/jobs {AUTH} -F file=@meeting.mp3 -F language=en",
        'job = client.jobs.create("meeting.mp3", language="en")\njob = client.jobs.wait(job)\n'
        "print(client.jobs.result(job).text)",
        'const job = await client.jobs.create("meeting.mp3", { language: "en" });\nawait client.jobs.wait(job);\n'
        "console.log((await client.jobs.result(job)).text);",
    ),
    "list_jobs": own(
        f'curl {AUTH} "{BASE}/v1/jobs?status=succeeded&limit=10"',
        'for job in client.jobs.list(status="succeeded", limit=10).jobs:\n    print(job.id, job.title, job.usage)',
        'const { jobs } = await client.jobs.list({ status: "succeeded", limit: 10 });\n'
        "for (const { id, title, usage } of jobs) console.log(id, title, usage);",
    ),
    "get_job": own(
        f"curl {AUTH} {BASE}/v1/jobs/JOB_ID",
        'job = client.jobs.get("JOB_ID")\nprint(job.status, job.progress)',
        'const { status, progress } = await client.jobs.get("JOB_ID");\nconsole.log(status, progress?.fraction);',
    ),
    "get_job_result": own(
        f'curl {AUTH} "{BASE}/v1/jobs/JOB_ID/result?response_format=srt"',
        'transcript = client.jobs.result("JOB_ID")\nprint(transcript.to_srt(line_width=37))',
        'console.log(await client.jobs.result("JOB_ID", { responseFormat: "srt" }));',
    ),
    "cancel_job": own(
        f"curl -X POST {AUTH} {BASE}/v1/jobs/JOB_ID/cancel",
        'print(client.jobs.cancel("JOB_ID").status)',
        'console.log((await client.jobs.cancel("JOB_ID")).status);',
    ),
    "delete_job": own(
        f"curl -i -X DELETE {AUTH} {BASE}/v1/jobs/JOB_ID",
        'client.jobs.delete("JOB_ID")\nprint(len(client.jobs.list().jobs), "jobs are left")',
        'await client.jobs.delete("JOB_ID");\nconsole.log((await client.jobs.list()).jobs.length, "jobs are left");',
    ),
    "name_speakers": own(
        f"curl -X PATCH {AUTH} {JSON} {BASE}/v1/jobs/JOB_ID/speakers \\\n"
        """  -d '{"speakers": {"Speaker 1": "Ada"}}'""",
        'print(client.jobs.rename_speakers("JOB_ID", {"Speaker 1": "Ada"}).speakers)',
        'console.log((await client.jobs.renameSpeakers("JOB_ID", { "Speaker 1": "Ada" })).speakers);',
    ),
    "list_deliveries": plain("/v1/jobs/JOB_ID/deliveries", KEY),
    "get_webhook_secret": plain("/v1/account/webhook-secret", KEY),
    "rotate_webhook_secret": {
        "curl": f"curl -X POST {AUTH} {BASE}/v1/account/webhook-secret/rotate",
        "Python": f'import httpx\n\nanswer = httpx.post("{BASE}/v1/account/webhook-secret/rotate", '
        f'headers={{"Authorization": "Bearer {KEY}"}})\nprint(answer.json())',
        "JavaScript": f'const answer = await fetch("{BASE}/v1/account/webhook-secret/rotate", {{\n'
        f'  method: "POST",\n  headers: {{ Authorization: "Bearer {KEY}" }},\n}});\nconsole.log(await answer.json());',
    },
}
"""By operation id, then by language."""

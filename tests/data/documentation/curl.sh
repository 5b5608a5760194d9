# Transcribe a file
curl -X POST https://api.stt.ai/v1/transcribe \
  -H "Authorization: Bearer YOUR_API_KEY" \
  -F "file=@meeting.mp3" \
  -F "model=large-v3-turbo" \
  -F "language=auto" \
  -F "diarize=true"

# Get SRT subtitles
curl -X POST https://api.stt.ai/v1/transcribe \
  -H "Authorization: Bearer YOUR_API_KEY" \
  -F "file=@video.mp4" \
  -F "response_format=srt" \
  -o subtitles.srt

# Summarize text
curl -X POST https://api.stt.ai/v1/summarize \
  -H "Authorization: Bearer YOUR_API_KEY" \
  -H "Content-Type: application/json" \
  -d '{"text": "Full transcript text here...", "style": "brief"}'

# List models (no auth needed)
curl https://api.stt.ai/v1/models

# Health check
curl https://api.stt.ai/health

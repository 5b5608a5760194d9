"""/v1/uploads: resumable uploads by the tus protocol."""

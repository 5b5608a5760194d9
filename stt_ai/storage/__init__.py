"""Where uploads, recordings and results are kept: objects in a folder or a bucket, encrypted where keys are set."""

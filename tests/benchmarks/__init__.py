"""The service beside peers: the same model, threads and audio, in the same run, by turns. `make bench` runs all."""

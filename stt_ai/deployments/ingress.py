"""The ingress deployment: the HTTP API before the pipeline. It holds no samples and no model."""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

from fastapi import FastAPI

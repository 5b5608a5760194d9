"""The database that a command works on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import yaml
from pydantic import ValidationError

from stt_ai.billing.database import Database
from stt_ai.billing.operators import Operators
from stt_ai.billing.service import BillingService
from stt_ai.cli.printing import as_json
from stt_ai.settings import BillingSettings


class Session:
    """One command's database."""

    def __init__(self, url: str, settings: BillingSettings, json: bool) -> None:
        self._json = json
        self.database = Database(url)
        self._settings = settings

    @property
    def operators(self) -> Operators:
        """Needs the tables, which the service makes when it starts, and `db upgrade`."""
        if self.database.version() is None:
            raise click.ClickException("This database has no accounts yet: run `stt-ai db upgrade` first.")
        return Operators(BillingService(self.database, self._settings.config))

    def show(self, value: Any, text: Callable[[], str]) -> None:
        click.echo(as_json(value) if self._json else text())


def settings_in(config: Path | None) -> BillingSettings:
    """The billing settings in a Serve configuration, without what else stands there."""
    if config is None:
        return BillingSettings()
    try:
        raw = yaml.safe_load(config.read_text())
        return BillingSettings.model_validate(raw["applications"][0].get("args", {}).get("billing", {}))
    except (yaml.YAMLError, KeyError, IndexError, TypeError, AttributeError, ValidationError) as error:
        raise click.BadParameter(f"{config} is not a configuration of this service: {error}") from None

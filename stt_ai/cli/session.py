"""What a command works with: the database of the operators' commands, the settings, and how results are shown."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stt_ai import environment
from stt_ai.cli.exits import server_parts
from stt_ai.cli.printing import as_json

if TYPE_CHECKING:
    from stt_ai.billing.database import Database
    from stt_ai.billing.operators import Operators
    from stt_ai.settings import Settings


class Session:
    """One command. The service's libraries are loaded when something of the service is wanted."""

    def __init__(self, database_url: str | None, config: Path | None, json: bool) -> None:
        self.json = json
        self._database_url = database_url
        self.config = config

    @cached_property
    def settings(self) -> "Settings":
        """What `--config` says, or the defaults."""
        with server_parts():
            return settings_in(self.config)

    @cached_property
    def database(self) -> "Database":
        """Return the service's database, opened at the first use."""
        with server_parts():
            from stt_ai.billing.database import Database

            return Database(self._database_url or self.settings.billing.database_url or environment.database_url())

    @property
    def operators(self) -> "Operators":
        """Needs the tables, which the service makes when it starts, and `db upgrade`."""
        with server_parts():
            from stt_ai.billing.operators import Operators
            from stt_ai.billing.service import BillingService

        if self.database.version() is None:
            raise click.ClickException("This database has no accounts yet: run `stt-ai db upgrade` first.")
        return Operators(BillingService(self.database, self.settings.billing.config))

    def close(self) -> None:
        """Close the database where it was opened."""
        if "database" in vars(self):
            self.database.close()

    def show(self, value: Any, text: Callable[[], str]) -> None:
        """Print ``value`` as JSON where that was asked for, else `text()`."""
        click.echo(as_json(value) if self.json else text())


def settings_in(config: Path | None) -> "Settings":
    """The settings in a Serve configuration."""
    import yaml
    from pydantic import ValidationError

    from stt_ai.settings import Settings

    if config is None:
        return Settings()
    try:
        raw = yaml.safe_load(config.read_text())
        return Settings.model_validate(raw["applications"][0].get("args") or {})
    except (yaml.YAMLError, KeyError, IndexError, TypeError, AttributeError, ValidationError) as error:
        raise click.BadParameter(f"{config} is not a configuration of this service: {error}") from None


def database_errors() -> tuple[type[Exception], ...]:
    """What the database's library raises, if it was loaded at all."""
    import sys

    billing = sys.modules.get("stt_ai.billing.database")
    return (billing.DatabaseError,) if billing is not None else ()

"""`stt-ai store`."""

import asyncio

import click

from stt_ai import environment
from stt_ai.cli.exits import server_parts
from stt_ai.cli.session import Session


@click.group()
def store() -> None:
    """Encrypt what jobs and uploads keep."""


@store.command("encrypt")
@click.pass_obj
def encrypt(session: Session) -> None:
    """Encrypt all that is stored with the first of STT_AI_STORE_KEYS. The service must not run meanwhile.

    For what was stored before there were keys, or with another of them. --config says where the store is, and the
    data folder is the default. If it is interrupted, run it again.
    """
    with server_parts():
        from stt_ai.storage.encryption import Keyring, UnreadableError
        from stt_ai.storage.opening import open_store
        from stt_ai.storage.rotation import encrypt_all

    try:
        keys = environment.Secrets.read().store_keys
        within = open_store(session.settings.jobs.store or str(environment.store_folder()))
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    if not keys:
        raise click.ClickException(f"There are no keys: set {environment.STORE_KEYS}.")
    try:
        count = asyncio.run(encrypt_all(within, Keyring(keys)))
    except UnreadableError as error:
        raise click.ClickException(f"Something stored cannot be read: {error}.") from None
    session.show({"encrypted": count}, lambda: f"{count} objects encrypted with the key {keys[0].id}")

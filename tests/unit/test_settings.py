"""The shipped configuration says what it means, and a slip of the pen is an error."""

import inspect
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ValidationError
from ray.serve.schema import ServeDeploySchema

from stt_ai.app import build
from stt_ai.settings import RENAMED, Settings

CONFIG = yaml.safe_load((Path(__file__).parents[2] / "serve_config.yaml").read_text())


def test_the_shipped_settings_are_accepted() -> None:
    settings = Settings.model_validate(CONFIG["applications"][0]["args"])
    assert settings.models.source == "auto"
    assert settings.models.catalogue.default == "large-v3-turbo"


def test_serve_drops_no_key_of_the_shipped_file() -> None:
    kept = ServeDeploySchema.model_validate(CONFIG).model_dump(mode="json", exclude_unset=True)
    assert kept == CONFIG


def test_the_service_listens_on_the_loopback_only() -> None:
    assert CONFIG["http_options"]["host"] == "127.0.0.1"


def test_serve_validates_the_arguments_of_the_builder() -> None:
    """Serve looks at the annotation itself: a postponed one is a string, and switches validation off silently."""
    (parameter,) = inspect.signature(build).parameters.values()
    assert inspect.isclass(parameter.annotation)
    assert issubclass(parameter.annotation, BaseModel)


@pytest.mark.parametrize(
    ("args", "named"),
    [
        ({"modles": {}}, "modles"),
        ({"models": {"sauce": "demo"}}, "sauce"),
        ({"models": {"source": "demos"}}, "source"),
        ({"models": {"catalogue": {"default": "tiny"}}}, "tiny"),
        ({"models": {"preload": ["tiny"]}}, "tiny"),
        ({"decoder": {"max_duration_s": 0}}, "max_duration_s"),
        ({"transcriber": {"device": "gpu"}}, "device"),
        ({"ingress": {"max_file_mb": 1}}, "max_file_mb"),
    ],
)
def test_a_misspelt_setting_is_an_error_that_names_it(args: dict[str, object], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        Settings.model_validate(args)


def test_a_trusted_proxy_must_be_an_address_or_a_network() -> None:
    settings = Settings.model_validate({"ingress": {"trusted_proxies": ["10.0.0.0/8", "2001:db8::1"]}})
    assert settings.ingress.trusted_proxies == ("10.0.0.0/8", "2001:db8::1/128")
    with pytest.raises(ValidationError, match="trusted_proxies"):
        Settings.model_validate({"ingress": {"trusted_proxies": ["proxy.example"]}})


def test_a_password_is_taken_from_the_environment_only_and_repeated_by_no_error() -> None:
    """Ray Serve logs the arguments of an application that it imports."""
    for url in ("sqlite:////srv/billing.db", "postgresql://stt_ai@db/stt_ai"):
        assert Settings.model_validate({"billing": {"database_url": url}}).billing.database_url == url
    for url in ("postgresql://stt_ai:hunter2@db/stt_ai", "postgresql:///stt_ai?user=stt_ai&password=hunter2"):
        with pytest.raises(ValidationError, match="STT_AI_DATABASE_URL") as refused:
            Settings.model_validate({"billing": {"database_url": url}})
        assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(("old", "name"), RENAMED.items())
def test_an_old_name_is_refused_with_the_new_one(old: str, name: str) -> None:
    *sections, leaf = old.split(".")
    settings: dict[str, Any] = {leaf: 1}
    for section in reversed(sections):
        settings = {section: settings}
    with pytest.raises(ValidationError, match=rf"{old} is called {'.'.join([*sections, name])} now"):
        Settings.model_validate(settings)


def test_every_new_name_is_one_of_a_setting() -> None:
    known = Settings().model_dump()
    for old, name in RENAMED.items():
        section = known
        for part in old.split(".")[:-1]:
            section = section[part]
        assert name in section

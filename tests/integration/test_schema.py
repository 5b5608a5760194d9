"""The service keeps to its own schema, whatever a client sends."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.long_tests import ASKED_FOR
from tests.support.service import Service

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")  # tus's name for bytes
bounded = settings(
    max_examples=10 if ASKED_FOR else 5,
    derandomize=not ASKED_FOR,  # a change is judged by the same requests as the one before; long runs look for others
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("with_key", [True, False], ids=["with a key", "without"])
def test_no_server_error_and_nothing_undocumented(service: Service, with_key: bool, mode: GenerationMode) -> None:
    service.load_summarizer()  # what waits for it may be 503
    headers = {"Authorization": f"Bearer {service.new_key()}"} if with_key else {}
    schema = schemathesis.openapi.from_url(f"{service.url}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) >= 10
    tried = 0
    for operation in operations:

        @bounded
        @given(case=operation.as_strategy(generation_mode=mode))
        def send(case: schemathesis.Case) -> None:
            case.call_and_validate(checks=CHECKS, headers=headers, timeout=600)

        try:
            send()
            tried += 1
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE  # there is no wrong way to ask for what takes no parameters
    assert tried >= 6

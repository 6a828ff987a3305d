"""What the manifests promise: valid everywhere, restricted, and wired to each other."""

import json
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator

from k8s import generate
from tests.k8s.conftest import COMPONENTS, K8S, Manifest
from tests.k8s.operator_schema import SCHEMAS
from tests.k8s.restricted import violations

OLDEST = "1.28"  # the oldest release that we promise to run on
NEWEST = kubernetes_validate.latest_version()


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def one(manifests: list[Manifest], kind: str, name: str = "receiver") -> Manifest:
    (found,) = [m for m in of_kind(manifests, kind) if m["metadata"]["name"] == name]
    return found


def pod(manifests: list[Manifest]) -> Manifest:
    template: Manifest = one(manifests, "StatefulSet")["spec"]["template"]
    return template


def mistakes(manifest: Manifest) -> list[str]:
    validator = Draft202012Validator(SCHEMAS[manifest["kind"]])
    return [error.message for error in validator.iter_errors(manifest)]


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_builtin_kind_is_valid_with_no_unknown_field(
    manifests: list[Manifest], version: str
) -> None:
    builtin = [manifest for manifest in manifests if manifest["kind"] not in SCHEMAS]
    assert builtin
    for manifest in builtin:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_a_misspelt_field_is_refused(manifests: list[Manifest]) -> None:
    service = one(manifests, "Service")
    wrong = {**service, "spec": {**service["spec"], "publishNotReady": True}}
    with pytest.raises(kubernetes_validate.ValidationError, match="publishNotReady"):
        kubernetes_validate.validate(wrong, NEWEST, strict=True)


def test_every_operator_kind_is_valid(example: list[Manifest]) -> None:
    held = {m["kind"]: mistakes(m) for m in example if m["kind"] in SCHEMAS}
    assert held == {"ServiceMonitor": [], "PrometheusRule": []}


def test_the_example_uses_every_component() -> None:
    overlay = yaml.safe_load((K8S / "overlays/example/kustomization.yaml").read_text())
    assert {Path(path).name for path in overlay["components"]} == set(COMPONENTS)


def test_a_wrong_duration_is_refused() -> None:
    text = (K8S / "components/prometheus-operator/servicemonitor.yaml").read_text()
    assert mistakes(yaml.safe_load(text)) == []
    assert mistakes(yaml.safe_load(text.replace("15s", "15 seconds")))


def test_the_pod_may_run_where_pod_security_is_restricted(manifests: list[Manifest]) -> None:
    assert violations(pod(manifests)["spec"]) == []
    enforced = one(manifests, "Namespace")["metadata"]["labels"]
    assert enforced["pod-security.kubernetes.io/enforce"] == "restricted"


def test_one_replica_writes_to_a_volume_and_to_nothing_else(manifests: list[Manifest]) -> None:
    spec = one(manifests, "StatefulSet")["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    writable = {
        m["name"]: m["mountPath"] for m in container["volumeMounts"] if not m.get("readOnly")
    }
    assert spec["replicas"] == 1
    assert writable == {"store": "/var/lib/receiver", "tmp": "/tmp"}  # noqa: S108 - a mount
    assert [claim["metadata"]["name"] for claim in spec["volumeClaimTemplates"]] == ["store"]


def test_every_name_that_the_pod_uses_exists(manifests: list[Manifest]) -> None:
    stateful = one(manifests, "StatefulSet")["spec"]
    spec = stateful["template"]["spec"]
    (container,) = spec["containers"]
    volumes = {v["name"] for v in spec["volumes"]}
    volumes |= {claim["metadata"]["name"] for claim in stateful["volumeClaimTemplates"]}
    config_maps = {m["metadata"]["name"] for m in of_kind(manifests, "ConfigMap")}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    assert {v["configMap"]["name"] for v in spec["volumes"] if "configMap" in v} <= config_maps
    assert one(manifests, "ServiceAccount", spec["serviceAccountName"])
    assert one(manifests, "Service", stateful["serviceName"])["spec"]["clusterIP"] == "None"


def test_services_and_probes_reach_the_ports_that_the_config_opens(
    manifests: list[Manifest],
) -> None:
    (container,) = pod(manifests)["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    server = config(manifests)["server"]
    assert {server["listen"], server["ops_listen"]} == {
        f"0.0.0.0:{port}" for port in ports.values()
    }
    for service in of_kind(manifests, "Service"):
        assert service["spec"]["selector"].items() <= pod(manifests)["metadata"]["labels"].items()
        assert all(port["targetPort"] in ports for port in service["spec"]["ports"])
    probes = {
        name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")
    }
    assert {probe["port"] for probe in probes.values()} == {"ops"}
    assert [probe["path"] for probe in probes.values()] == ["/-/healthy", "/-/healthy", "/-/ready"]


def test_the_config_lies_where_the_pod_looks_for_it(manifests: list[Manifest]) -> None:
    (container,) = pod(manifests)["spec"]["containers"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert container["args"] == ["serve", "--config", f"{mounts['config']}/receiver.yaml"]
    assert config(manifests)["store"]["url"].startswith(f"sqlite:///{mounts['store']}/")
    for path in secret_files(config(manifests)):
        assert str(Path(path).parent) == mounts["secrets"]


def test_no_manifest_carries_a_secret(manifests: list[Manifest]) -> None:
    assert of_kind(manifests, "Secret") == []
    assert len(secret_files(config(manifests))) == 5


def test_everything_but_the_namespace_is_in_it(manifests: list[Manifest]) -> None:
    spaces = {m["metadata"].get("namespace") for m in manifests if m["kind"] != "Namespace"}
    assert spaces in ({one(manifests, "Namespace")["metadata"]["name"]}, {"receiver", None})


def test_the_monitor_selects_the_ops_service_alone(example: list[Manifest]) -> None:
    monitor = one(example, "ServiceMonitor")["spec"]
    wanted = monitor["selector"]["matchLabels"].items()
    services = of_kind(example, "Service")
    (chosen,) = [s for s in services if wanted <= s["metadata"]["labels"].items()]
    (endpoint,) = monitor["endpoints"]
    assert chosen["metadata"]["name"] == "receiver-ops"
    assert endpoint["port"] in {port["name"] for port in chosen["spec"]["ports"]}
    assert endpoint["path"] == "/metrics"


def test_the_stacks_prometheus_selects_the_monitor_and_the_rules(example: list[Manifest]) -> None:
    for kind in SCHEMAS:
        assert one(example, kind)["metadata"]["labels"]["release"] == "kube-prometheus-stack"


def test_the_network_policy_covers_the_pod(example: list[Manifest]) -> None:
    policy = one(example, "NetworkPolicy")["spec"]
    ports = {port["name"] for port in pod(example)["spec"]["containers"][0]["ports"]}
    labels = pod(example)["metadata"]["labels"]
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    assert {port["port"] for rule in policy["ingress"] for port in rule["ports"]} == ports


def test_the_dashboards_are_such_that_the_sidecar_loads(example: list[Manifest]) -> None:
    held = one(example, "ConfigMap", "receiver-dashboards")
    assert held["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert set(held["data"]) == {path.name for path in generate.COPIES}
    assert all(json.loads(file)["panels"] for file in held["data"].values())


def config(manifests: list[Manifest]) -> Manifest:
    (held,) = [
        m["data"]["receiver.yaml"]
        for m in of_kind(manifests, "ConfigMap")
        if m["metadata"]["name"].startswith("receiver-config-")
    ]
    parsed: Manifest = yaml.safe_load(held)
    return parsed


def secret_files(value: Any) -> list[str]:
    """List every file that a configuration names with a key that ends in _file."""
    if isinstance(value, list):
        return [path for item in value for path in secret_files(item)]
    if not isinstance(value, dict):
        return []
    own = [item for key, item in value.items() if key.endswith("_file")]
    return own + [path for item in value.values() for path in secret_files(item)]

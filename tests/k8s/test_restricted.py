"""The checker of the restricted profile sees each way to loosen a pod."""

from typing import Any

import pytest

from tests.k8s.restricted import violations

CONTAINER = {
    "name": "receiver",
    "resources": {"limits": {"memory": "1Mi"}},
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    },
}
POD = {
    "automountServiceAccountToken": False,
    "enableServiceLinks": False,
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [CONTAINER],
}


def test_a_strict_pod_breaks_no_rule() -> None:
    assert violations(POD) == []


@pytest.mark.parametrize(
    ("path", "value", "rule"),
    [
        ("hostNetwork", True, "hostNetwork is on"),
        ("securityContext", {}, "receiver: may run as root"),
        ("enableServiceLinks", True, "takes the names of all services as variables"),
        ("automountServiceAccountToken", True, "mounts a service account token"),
        ("volumes", [{"name": "x", "hostPath": {"path": "/"}}], "volume x is a hostPath"),
        ("volumes", [{"name": "x", "emptyDir": {}}], "volume x has no sizeLimit"),
    ],
)
def test_a_loosened_pod_is_noticed(path: str, value: Any, rule: str) -> None:
    assert rule in violations({**POD, path: value})


@pytest.mark.parametrize(
    ("path", "value", "rule"),
    [
        ("resources", {}, "receiver: has no memory limit"),
        ("securityContext", {"readOnlyRootFilesystem": True}, "receiver: keeps capabilities"),
        ("securityContext", {"privileged": True}, "receiver: is privileged"),
        ("ports", [{"containerPort": 1, "hostPort": 1}], "receiver: takes a host port"),
    ],
)
def test_a_loosened_container_is_noticed(path: str, value: Any, rule: str) -> None:
    assert rule in violations({**POD, "containers": [{**CONTAINER, path: value}]})

"""What the restricted Pod Security Standard, and we beyond it, ask of a pod.

https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
"""

from collections.abc import Iterator, Mapping
from typing import Any

VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim",
    "projected", "secret",
}  # fmt: skip
SECCOMP = {"RuntimeDefault", "Localhost"}
HOST = ("hostNetwork", "hostPID", "hostIPC")


def violations(pod: Mapping[str, Any]) -> list[str]:
    """Name every rule that a pod's spec breaks; none for a pod that may run."""
    found = list(_pod(pod))
    for kind in ("initContainers", "containers"):
        for container in pod.get(kind, []):
            found += [f"{container['name']}: {rule}" for rule in _container(pod, container)]
    return found


def _pod(pod: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{name} is on" for name in HOST if pod.get(name))
    for volume in pod.get("volumes", []):
        kinds = volume.keys() - {"name"}
        if not kinds <= VOLUMES:
            yield f"volume {volume['name']} is a {', '.join(kinds - VOLUMES)}"
        if "emptyDir" in volume and not volume["emptyDir"].get("sizeLimit"):
            yield f"volume {volume['name']} has no sizeLimit"
    if pod.get("automountServiceAccountToken") is not False:
        yield "mounts a service account token"
    if pod.get("enableServiceLinks") is not False:
        yield "takes the names of all services as variables"


def _container(pod: Mapping[str, Any], container: Mapping[str, Any]) -> Iterator[str]:
    own = container.get("securityContext", {})
    both = {**pod.get("securityContext", {}), **own}
    capabilities = own.get("capabilities", {})
    limits = container.get("resources", {}).get("limits", {})
    broken = {
        "may escalate its privileges": own.get("allowPrivilegeEscalation") is not False,
        "is privileged": own.get("privileged", False),
        "keeps capabilities": capabilities.get("drop") != ["ALL"],
        "adds capabilities": not set(capabilities.get("add", [])) <= {"NET_BIND_SERVICE"},
        "may run as root": both.get("runAsNonRoot") is not True or both.get("runAsUser") == 0,
        "has no seccomp profile": both.get("seccompProfile", {}).get("type") not in SECCOMP,
        "writes to its root": own.get("readOnlyRootFilesystem") is not True,
        "has no memory limit": "memory" not in limits,
        "takes a host port": any("hostPort" in port for port in container.get("ports", [])),
    }
    yield from (rule for rule, is_broken in broken.items() if is_broken)

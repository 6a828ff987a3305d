"""The fields of the Prometheus operator's resources that we use; anything else is a mistake.

https://prometheus-operator.dev/docs/api-reference/api/
"""

from typing import Any

UNITS = ("y", "w", "d", "h", "m", "s", "ms")
DURATION = {
    "type": "string",
    "pattern": "^(0|" + "".join(f"([0-9]+{unit})?" for unit in UNITS) + ")$",
    "minLength": 1,
}
STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
METADATA = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string"},
        "namespace": {"type": "string"},
        "labels": STRINGS,
        "annotations": STRINGS,
    },
}


def _closed(required: list[str], properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": required,
        "additionalProperties": False,
        "properties": properties,
    }


def _resource(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    return _closed(
        ["apiVersion", "kind", "metadata", "spec"],
        {
            "apiVersion": {"const": "monitoring.coreos.com/v1"},
            "kind": {"const": kind},
            "metadata": METADATA,
            "spec": spec,
        },
    )


_ENDPOINT = _closed(
    ["port"],
    {
        "port": {"type": "string", "minLength": 1},
        "path": {"type": "string", "pattern": "^/"},
        "interval": DURATION,
        "scrapeTimeout": DURATION,
    },
)
_RULE = _closed(
    ["expr"],
    {
        "alert": {"type": "string", "minLength": 1},
        "record": {"type": "string", "minLength": 1},
        "expr": {"type": ["string", "integer"]},
        "for": DURATION,
        "keep_firing_for": DURATION,
        "labels": STRINGS,
        "annotations": STRINGS,
    },
)
_GROUP = _closed(
    ["name", "rules"],
    {
        "name": {"type": "string", "minLength": 1},
        "interval": DURATION,
        "labels": STRINGS,
        "limit": {"type": "integer"},
        "rules": {"type": "array", "minItems": 1, "items": _RULE},
    },
)

SCHEMAS = {
    "ServiceMonitor": _resource(
        "ServiceMonitor",
        _closed(
            ["endpoints", "selector"],
            {
                "jobLabel": {"type": "string"},
                "selector": _closed(["matchLabels"], {"matchLabels": STRINGS}),
                "endpoints": {"type": "array", "minItems": 1, "items": _ENDPOINT},
            },
        ),
    ),
    "PrometheusRule": _resource(
        "PrometheusRule",
        _closed(["groups"], {"groups": {"type": "array", "minItems": 1, "items": _GROUP}}),
    ),
}

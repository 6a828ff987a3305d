"""One YAML file becomes one immutable value, checked whole; errors name the path and the cure."""

from receiver.config.duty import Calendar, Endpoint, Escalation, OncallList, RotationConfig
from receiver.config.loading import load, parse
from receiver.config.problem import BadConfig, Problem
from receiver.config.routing import Router
from receiver.config.secret import Secret
from receiver.config.summary import summary
from receiver.config.values import (
    GRAFANA,
    LONG_CONNECTION,
    Address,
    AgentSource,
    AlertmanagerSource,
    BasicAuth,
    Config,
    FeishuAppConfig,
    FeishuBotConfig,
    Flapping,
    LinkConfig,
    LinkName,
    PrometheusConfig,
    RateLimit,
    Route,
    Server,
    Silences,
    Spread,
    StoreConfig,
    Storm,
    Templates,
)

__all__ = [
    "GRAFANA",
    "LONG_CONNECTION",
    "Address",
    "AgentSource",
    "AlertmanagerSource",
    "BadConfig",
    "BasicAuth",
    "Calendar",
    "Config",
    "Endpoint",
    "Escalation",
    "FeishuAppConfig",
    "FeishuBotConfig",
    "Flapping",
    "LinkConfig",
    "LinkName",
    "OncallList",
    "Problem",
    "PrometheusConfig",
    "RateLimit",
    "RotationConfig",
    "Route",
    "Router",
    "Secret",
    "Server",
    "Silences",
    "Spread",
    "StoreConfig",
    "Storm",
    "Templates",
    "load",
    "parse",
    "summary",
]

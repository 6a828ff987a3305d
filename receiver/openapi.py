"""The OpenAPI document of the ops port's API."""

from typing import Any

VERSION = "3.1.0"
PAGE_MOST = 200
PAGE_DEFAULT = 50
LETTERS_MOST = 5_000
AUDIT_MOST = 1_000


def _answer(meaning: str, media: str = "application/json") -> dict[str, Any]:
    return {"description": meaning, "content": {media: {"schema": {"type": "object"}}}}


def _problem(meaning: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": meaning, "content": {"application/problem+json": {"schema": schema}}}


def _operation(
    name: str, meaning: str, *, parameters: tuple[dict[str, Any], ...] = (), missing: str = ""
) -> dict[str, Any]:
    responses = {
        "200": _answer(meaning),
        "401": _problem("server.ops_token is needed"),
        "503": _problem("the store does not answer"),
    }
    if missing:
        responses["404"] = _problem(missing)
    return {
        "operationId": name,
        "summary": meaning,
        "parameters": list(parameters),
        "responses": responses,
        "security": [{"ops_token": []}],
    }


def _audit() -> dict[str, Any]:
    """Describe the one answer that is not a JSON document, but a line for each deed."""
    kind = {**_number("kind", "query", "only lines of this kind"), "schema": {"type": "string"}}
    parameters = (
        _number("since", "query", "only what was done at this time (Unix ms) or later"),
        _number("until", "query", "only what was done before this time (Unix ms)"),
        _number("incident", "query", "only of this incident; 0 for what belongs to none"),
        kind,
        _number("after", "query", "only larger ids: of the last line before"),
        _number("limit", "query", f"1 to {AUDIT_MOST}, default {PAGE_MOST}"),
    )
    meaning = "What people did, the oldest first, a JSON object a line"
    operation = _operation("listAudit", meaning, parameters=parameters)
    operation["responses"]["200"] = _answer(meaning, "application/x-ndjson")
    operation["responses"]["400"] = _problem("a parameter is no number, or too large")
    return operation


def _number(name: str, where: str, meaning: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": where,
        "required": where == "path",
        "description": meaning,
        "schema": {"type": "integer", "minimum": 0},
    }


def _paths() -> dict[str, Any]:
    identity = _number("id", "path", "the number that lists show")
    page = (
        _number("before", "query", "only smaller ids; 0 begins at the newest"),
        _number("limit", "query", f"1 to {PAGE_MOST}, default {PAGE_DEFAULT}"),
    )
    most = _number("limit", "query", f"1 to {LETTERS_MOST}, default {PAGE_MOST}")
    return {
        "/api/v1/incidents": {
            "get": _operation("listIncidents", "Incidents, the newest first", parameters=page)
        },
        "/api/v1/incidents/{id}": {
            "get": _operation(
                "getIncident",
                "One incident with its alerts, cards and timeline",
                parameters=(identity,),
                missing="there is no such incident",
            )
        },
        "/api/v1/cards": {"get": _operation("listCards", "Cards that are not yet shown")},
        "/api/v1/dead-letters": {
            "get": _operation(
                "listDeadLetters",
                "Cards that were rejected for good, the newest first, with reason and time",
                parameters=(most,),
            )
        },
        "/api/v1/audit": {"get": _audit()},
        "/api/v1/units": {
            "get": _operation(
                "countUnits", "How many units, (episode, target) pairs, are in each state"
            )
        },
        "/api/v1/dead-letters/{id}/replay": {
            "post": _operation(
                "replayDeadLetter",
                "Try a dead letter again",
                parameters=(identity,),
                missing="there is no such dead letter",
            )
        },
    }


def document() -> dict[str, Any]:
    """Return the document; times are Unix milliseconds throughout."""
    return {
        "openapi": VERSION,
        "info": {"title": "Receiver", "version": "1"},
        "paths": _paths(),
        "components": {
            "securitySchemes": {"ops_token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Problem": {
                    "type": "object",
                    "properties": {
                        "title": {"type": "string"},
                        "status": {"type": "integer"},
                        "detail": {"type": "string"},
                    },
                }
            },
        },
    }

"""The gateway's OpenAPI 3.1 document. The description's schema is the very model that is checked."""

from collections.abc import Iterable
from typing import Any

from services.station.decide import Limits
from services.station.description import CAPTURE_PART, Description
from services.station.problems import PROBLEM_JSON, Kind
from services.station.quality import PROBLEMS

_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "urn:intact:problem:<code>"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "what is wrong and what to do"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}
_ACCEPTED = {
    "type": "object",
    "required": ["capture_id", "item_id", "quality"],
    "properties": {
        "capture_id": {"type": "string", "format": "uuid"},
        "item_id": {"type": "string"},
        "quality": {
            "type": ["array", "null"],
            "description": (
                "the pictures that are worth taking again, none if all are good; null: not measured. "
                "The capture is accepted in any case, and a picture taken again is a capture of its own"
            ),
            "items": {
                "type": "object",
                "required": ["camera", "problems", "advice"],
                "properties": {
                    "camera": {"type": "string"},
                    "problems": {"type": "array", "items": {"enum": list(PROBLEMS)}},
                    "advice": {"type": "string", "description": "for the associate at the station"},
                },
            },
        },
        "quality_reason": {"type": "string", "description": "why quality is null"},
    },
}
_HEALTH = {
    "type": "object",
    "required": ["ready", "checks"],
    "properties": {
        "ready": {"type": "boolean"},
        "checks": {"type": "object", "additionalProperties": {"type": "boolean"}},
        "in_flight": {"type": "integer"},
    },
}
#: What a request to `/v1/captures` can meet; any other path is NOT_FOUND.
_CAPTURE_KINDS = tuple(kind for kind in Kind if kind is not Kind.NOT_FOUND)


def document(limits: Limits) -> dict[str, Any]:
    """Return the document, with this gateway's limits."""
    schemas = Description.model_json_schema(ref_template="#/components/schemas/{model}")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Intact station gateway",
            "version": "1",
            "description": (
                "Takes the images of one item from a camera rack. 202 means: the capture, with its images, is synced "
                "in the store, and all in-sync brokers have its event. Any other path answers 404, any other method "
                "405, as problem details."
            ),
        },
        "paths": {
            "/v1/captures": {"post": _capture(limits)},
            "/openapi.json": {
                "get": _page("This document", {"200": _json("The document", {"type": "object"})})
            },
            "/live": {
                "get": _page("Whether the process answers", {"200": _json("Alive", {"type": "object"})})
            },
            "/ready": {"get": _page("Whether captures can be taken", _ready())},
        },
        "components": {
            "securitySchemes": {"station": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas.pop("$defs")
            | {"Description": schemas, "Problem": _PROBLEM, "Accepted": _ACCEPTED},
        },
    }


def _capture(limits: Limits) -> dict[str, Any]:
    return {
        "summary": "Hand over the images of one item",
        "description": (
            f"At most {limits.images} images of {limits.image_bytes} bytes and {limits.pixels} pixels each. "
            "A repeat with the same Idempotency-Key and content gets the same answer (quality is measured anew); "
            "other content gets 409."
        ),
        "security": [{"station": []}],
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": True,
                "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,128}$"},
            },
            {
                "name": "traceparent",
                "in": "header",
                "schema": {"type": "string"},
                "description": "W3C trace context",
            },
        ],
        "requestBody": {"required": True, "content": {"multipart/form-data": _body()}},
        "responses": {
            "202": _json("Durable, and on its way", {"$ref": "#/components/schemas/Accepted"}),
            **_problems(_CAPTURE_KINDS),
        },
    }


def _body() -> dict[str, Any]:
    return {
        "schema": {
            "type": "object",
            "required": [CAPTURE_PART],
            "properties": {CAPTURE_PART: {"$ref": "#/components/schemas/Description"}},
            "additionalProperties": {
                "type": "string",
                "contentMediaType": "application/octet-stream",
                "description": "one image, sent as image/jpeg or image/png, named by images[].part",
            },
        },
        "encoding": {CAPTURE_PART: {"contentType": "application/json"}},
    }


def _ready() -> dict[str, Any]:
    return {
        "200": _json("Ready", _HEALTH),
        "503": _json("Not ready: the check that is false says why", _HEALTH),
    }


def _page(summary: str, responses: dict[str, Any]) -> dict[str, Any]:
    return {"summary": summary, "responses": responses}


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _problems(kinds: Iterable[Kind]) -> dict[str, Any]:
    titles: dict[str, list[str]] = {}
    for kind in kinds:
        titles.setdefault(str(kind.status), []).append(kind.title)
    return {
        status: {
            "description": "; ".join(names),
            "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            **({"headers": {"Retry-After": {"schema": {"type": "integer"}}}} if status == "503" else {}),
        }
        for status, names in titles.items()
    }

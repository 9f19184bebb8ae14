"""The OpenAPI document is what the gateway does."""

import json
import re
from typing import Any

from services.kernel.records import ImageRole, Stage
from services.station.openapi import document
from services.station.problems import Kind
from tests.station.rack import LIMITS, Rack, Shot, description

DOCUMENT = document(LIMITS)


async def test_it_is_served(rack: Rack) -> None:
    response = await rack.client.get("/openapi.json")
    assert response.status_code == 200
    assert response.json() == json.loads(json.dumps(DOCUMENT))


def test_every_status_that_is_used_is_in_it() -> None:
    # Every answer in these tests is held against it as well: see rack.py.
    answers = DOCUMENT["paths"]["/v1/captures"]["post"]["responses"]
    assert answers.keys() == {"202"} | {str(k.status) for k in Kind} - {"404"}
    for kind in Kind:
        assert kind is Kind.NOT_FOUND or kind.title in answers[str(kind.status)]["description"]
    assert "Retry-After" in answers["503"]["headers"]


async def test_every_path_in_it_exists(rack: Rack) -> None:
    for path in DOCUMENT["paths"]:
        assert (await rack.client.options(path)).status_code == 405


def test_every_reference_leads_somewhere() -> None:
    names = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(DOCUMENT)))
    assert names == DOCUMENT["components"]["schemas"].keys()


def test_the_description_holds_every_field_and_choice() -> None:
    schemas: dict[str, Any] = DOCUMENT["components"]["schemas"]
    sent = description([Shot()], deadline_at="", enrol_product_id="")
    assert schemas["Description"]["properties"].keys() == sent.keys()
    assert schemas["Description"]["additionalProperties"] is False
    assert (
        schemas["DeclaredImage"]["properties"].keys()
        == Shot(said={"width": 1, "height": 1}).declared().keys()
    )
    assert schemas["Stage"]["enum"] == [str(s) for s in Stage]
    assert schemas["ImageRole"]["enum"] == [str(r) for r in ImageRole]


def test_its_limits_are_the_gateways() -> None:
    text = DOCUMENT["paths"]["/v1/captures"]["post"]["description"]
    assert all(str(n) in text for n in (LIMITS.images, LIMITS.image_bytes, LIMITS.pixels))

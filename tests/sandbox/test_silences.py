"""The stand-in Alertmanager's silences, and its errors in their three shapes."""

from typing import Any

import pytest

from tests.sandbox.standin import HOUR, UNKNOWN, bench, wish


async def test_a_silence_reads_as_it_was_written() -> None:
    async with bench() as here:
        made = await here.silence(annotations={"card": "om_x"})
        found = (await here.http.get(f"/api/v2/silence/{made.json()['silenceID']}")).json()
        assert found == {
            "id": made.json()["silenceID"],
            "status": {"state": "active"},
            "updatedAt": "2023-11-14T22:13:20.000Z",
            "annotations": {"card": "om_x"},
            "comment": "via feishu",
            "createdBy": "李雷",
            "endsAt": "2023-11-14T23:13:20.000Z",
            "matchers": [{"isEqual": True, "isRegex": False, "name": "alertname", "value": "Disk"}],
            "startsAt": "2023-11-14T22:13:20.000Z",
        }
        here.clock.advance(HOUR)
        (listed,) = (await here.http.get("/api/v2/silences")).json()
        assert listed["status"] == {"state": "expired"}
        query = {"filter": 'alertname="Other"'}
        assert (await here.http.get("/api/v2/silences", params=query)).json() == []


async def test_creating_a_silence_twice_makes_two() -> None:
    async with bench() as here:
        ids = {(await here.silence()).json()["silenceID"] for _ in range(2)}
        assert len(ids) == 2


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"comment": "other"}, True),
        ({"endsAt": "2023-11-15T00:00:00Z"}, True),
        ({"matchers": [{"name": "a", "value": "b"}]}, False),
        ({"startsAt": "2023-11-14T22:13:22Z"}, False),
    ],
)
async def test_an_update_keeps_the_id_only_for_equal_matchers_and_start(
    changes: dict[str, Any], same: bool
) -> None:
    async with bench() as here:
        first = (await here.silence()).json()["silenceID"]
        here.clock.advance(5_000)
        second = (await here.silence(id=first, **changes)).json()["silenceID"]
        assert (second == first) is same
        old = (await here.http.get(f"/api/v2/silence/{first}")).json()
        assert old["status"]["state"] == ("active" if same else "expired")


async def test_an_expired_silence_is_not_revived() -> None:
    async with bench() as here:
        first = (await here.silence()).json()["silenceID"]
        for _ in range(2):
            assert (await here.http.delete(f"/api/v2/silence/{first}")).content == b""
        assert (await here.silence(id=first)).json()["silenceID"] != first


REFUSED: list[tuple[dict[str, Any], int, object]] = [
    ({"matchers": []}, 422, {"code": 612, "message": "matchers in body should have at least 1 items"}),  # noqa: E501
    ({"matchers": [{"name": "a", "value": ""}]}, 400, "invalid silence: matcher set 0: at least one matcher must not match the empty string"),  # noqa: E501
    ({"matchers": [{"name": "a", "value": ".*", "isRegex": True}]}, 400, "invalid silence: matcher set 0: at least one matcher must not match the empty string"),  # noqa: E501
    ({"matchers": [{"name": "a", "value": "(?=x)y", "isRegex": True}]}, 400, 'invalid silence: invalid label matcher 0 in set 0: invalid regular expression "(?=x)y": error parsing regexp: invalid or unsupported Perl syntax: `(?=`'),  # noqa: E501
    ({"endsAt": "2023-11-14T22:00:00Z", "startsAt": "2023-11-14T21:00:00Z"}, 400, "Failed to create silence: end time can't be in the past"),  # noqa: E501
    ({"endsAt": "2023-11-14T22:00:00Z"}, 400, "Failed to create silence: start time must be before end time"),  # noqa: E501
    ({"id": UNKNOWN}, 404, "silence not found"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "status", "body"), REFUSED)
async def test_silences_that_are_refused_in_its_own_words(
    changes: dict[str, Any], status: int, body: object
) -> None:
    async with bench() as here:
        answer = await here.silence(**changes)
        assert (answer.status_code, answer.json()) == (status, body)


@pytest.mark.parametrize("name", ["comment", "createdBy", "endsAt", "matchers", "startsAt"])
async def test_required_fields_of_a_silence(name: str) -> None:
    async with bench() as here:
        document = {key: value for key, value in wish().items() if key != name}
        answer = await here.http.post("/api/v2/silences", json=document)
        assert answer.status_code == 422
        assert answer.json() == {"code": 602, "message": f"{name} in body is required"}


async def test_negative_matchers_alone_are_taken() -> None:
    async with bench() as here:
        negative = [{"name": "a", "value": "b", "isEqual": False}]
        assert (await here.silence(matchers=negative)).status_code == 200


async def test_errors_have_three_shapes() -> None:
    async with bench() as here:
        plain = await here.http.post("/api/v2/silences", content=b"{}")
        assert plain.status_code == 415
        broken = await here.http.post(
            "/api/v2/silences", content=b"{", headers={"Content-Type": "application/json"}
        )
        assert (broken.status_code, broken.json()["code"]) == (400, 400)
        for method in ("GET", "DELETE"):
            missing = await here.http.request(method, f"/api/v2/silence/{UNKNOWN}")
            assert (missing.status_code, missing.content) == (404, b"")
            no_uuid = await here.http.request(method, "/api/v2/silence/abc")
            assert (no_uuid.status_code, no_uuid.json()["code"]) == (422, 601)

"""A silence as it is posted to the stand-in Alertmanager, refused in the real one's words."""

from typing import Any

from receiver.sandbox.alerts import Refusal, Silence, moment
from receiver.sandbox.matchers import BadMatcher, Matcher, matcher

# https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml (postableSilence)
REQUIRED = ("comment", "createdBy", "endsAt", "matchers", "startsAt")


def postable(document: Any, now: int) -> Silence:
    """Read a posted silence; raises Refusal in Alertmanager's own words."""
    if not isinstance(document, dict):
        raise Refusal(400, {"code": 400, "message": 'parsing silence body from "" failed'})
    for name in REQUIRED:
        if name not in document:
            raise Refusal(422, {"code": 602, "message": f"{name} in body is required"})
    if not isinstance(document["matchers"], list) or not document["matchers"]:
        message = "matchers in body should have at least 1 items"
        raise Refusal(422, {"code": 612, "message": message})
    starts = moment(document["startsAt"]) or now
    ends = moment(document["endsAt"]) or 0
    if max(starts, 0) >= ends:
        raise Refusal(400, "Failed to create silence: start time must be before end time")
    if ends < now:
        raise Refusal(400, "Failed to create silence: end time can't be in the past")
    return Silence(
        silence_id=str(document.get("id") or ""),
        matchers=_matchers(document["matchers"]),
        starts_at=starts,
        ends_at=ends,
        updated_at=now,
        created_by=str(document["createdBy"]),
        comment=str(document["comment"]),
        annotations=dict(document.get("annotations") or {}),
    )


def _matchers(items: list[Any]) -> tuple[Matcher, ...]:
    found = tuple(_matcher(index, item) for index, item in enumerate(items))
    if all(item.matches({}) for item in found):
        why = "at least one matcher must not match the empty string"
        # A set of negative matchers alone is taken, although it mutes nearly everything.
        if all(item.is_equal for item in found):
            raise Refusal(400, f"invalid silence: matcher set 0: {why}")
    return found


def _matcher(index: int, item: Any) -> Matcher:
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        message = f"matchers.{index}.name in body is required"
        raise Refusal(422, {"code": 602, "message": message})
    try:
        return matcher(
            item["name"],
            str(item.get("value", "")),
            is_regex=bool(item.get("isRegex", False)),
            is_equal=bool(item.get("isEqual", True)),
        )
    except BadMatcher as error:
        why = f'invalid label matcher {index} in set 0: invalid regular expression "'
        raise Refusal(400, f'invalid silence: {why}{item.get("value")}": {error}') from None

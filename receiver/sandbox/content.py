"""What a message says: read, measured and refused by its type.

https://open.feishu.cn/document/server-docs/im-v1/message-content-description/create_json
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from receiver.sandbox import markup
from receiver.sandbox.errors import Refused, explained
from receiver.sandbox.knobs import Knobs
from receiver.sandbox.state import App, Chat, Tenant, User
from receiver.sandbox.validate import validate
from receiver.sandbox.walk import JSON_ERROR, BadCard

# https://open.feishu.cn/document/server-docs/im-v1/message/create: 150 KB and 30 KB
TEXT_KB = 150
CARD_KB = 30

TEMPLATE_MISSING = 200380
TEMPLATE_VARIABLE = 200732
CARD_MISSING = 200740

_KEYS: Mapping[str, str] = {
    "image": "image_key",
    "file": "file_key",
    "audio": "file_key",
    "media": "file_key",
    "sticker": "file_key",
    "share_chat": "chat_id",
    "share_user": "user_id",
    "system": "type",
}
_POST_TAGS = frozenset({"text", "a", "at", "img", "media", "emotion", "hr", "code_block", "md"})


@dataclass(frozen=True, slots=True)
class Content:
    """A message's content, decoded, and whom it notifies."""

    document: dict[str, Any]
    mentions: list[dict[str, str]] = field(default_factory=list)
    schema: str = ""
    update_multi: bool = False


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a sender can name in a chat. Without an app the sender is a group bot."""

    tenant: Tenant
    chat: Chat | None = None
    app: App | None = None

    def find(self, who: str) -> User | None:
        """Find who is meant, unless the id is another app's."""
        user = self.tenant.find_user(who)
        if user is None or not who.startswith("ou_") or self.app is None:
            return user
        return user if self.tenant.open_id(self.app.app_id, user) == who else None

    def person(self, who: str, /) -> bool:
        """Tell whether this id belongs to somebody."""
        return self.find(who) is not None

    def email(self, address: str, /) -> bool:
        """Tell whether the address is known; a group bot resolves none, and fails on none."""
        return self.app is None or self.find(address) is not None

    def image(self, key: str, /) -> bool:
        """Tell whether the image was uploaded, or merely looks so when uploads are not kept."""
        if self.tenant.knobs.known_images_only:
            return key in self.tenant.images
        return key.startswith("img_")

    def may_call_all(self) -> bool:
        """Tell whether the chat lets bots mention everybody."""
        return self.chat is None or self.chat.at_all

    def notified(self, mentions: Iterable[markup.Mention]) -> list[dict[str, str]]:
        """List the members that these mentions notify, by the id that was used."""
        found: list[dict[str, str]] = []
        for mention in mentions:
            if mention.who == markup.ALL:
                found.append({"id": markup.ALL, "name": "所有人"})
            elif not (self.app is None and mention.by == "email"):
                user = self.find(mention.who)
                if user and (self.chat is None or user.open_id in self.chat.members):
                    found.append({"id": user.open_id, "name": user.name})
        return found


def card_content(card: object, audience: Audience) -> Content:
    """Return a card's content with its template filled in; raises BadCard."""
    if isinstance(card, dict) and card.get("type") in ("template", "card"):
        card = _template(card, audience.tenant)
    drawn = validate(card, audience, audience.tenant.knobs.rules())
    document = card if isinstance(card, dict) else {}
    mentions = audience.notified(drawn.mentions)
    return Content(document, mentions, drawn.schema, drawn.update_multi)


def _template(card: dict[str, Any], tenant: Tenant) -> dict[str, Any]:
    data = card.get("data")
    if not isinstance(data, dict):
        raise BadCard(JSON_ERROR, "parse card json err: data is required")
    if card["type"] == "card":
        raise BadCard(CARD_MISSING, "card does not exist", value=data.get("card_id"))
    template = tenant.templates.get(str(data.get("template_id")))
    if template is None:
        raise BadCard(TEMPLATE_MISSING, "template does not exist", value=data.get("template_id"))
    variables = data.get("template_variable", {})
    if not isinstance(variables, dict):
        raise BadCard(TEMPLATE_VARIABLE, "template variable type is invalid", value=variables)
    filled = _filled(template, variables)
    return filled if isinstance(filled, dict) else {}


def _filled(part: Any, variables: dict[str, Any]) -> Any:
    if isinstance(part, dict):
        return {key: _filled(value, variables) for key, value in part.items()}
    if isinstance(part, list):
        return [_filled(value, variables) for value in part]
    if isinstance(part, str):
        for name, value in variables.items():
            part = part.replace(f"${{{name}}}", str(value))
    return part


def read_content(msg_type: str, content: str, audience: Audience) -> Content:
    """Decode an app bot's `content` string; raises Refused as the platform would."""
    knobs = audience.tenant.knobs
    limit = TEXT_KB if msg_type == "text" else CARD_KB
    if len(content.encode()) > limit * knobs.kilobyte:
        raise Refused(230025)
    _inspected(content, knobs)
    document = _decoded(msg_type, content)
    if msg_type == "interactive":
        return _card(document, audience)
    if not isinstance(document, dict):
        raise explained(230001, "content is not a JSON object")
    if msg_type == "text":
        return _text(document, audience)
    if msg_type == "post":
        return _post(document, audience)
    return _keyed(msg_type, document)


def _decoded(msg_type: str, content: str) -> object:
    try:
        document: object = msgspec.json.decode(content)
    except msgspec.DecodeError:
        if msg_type == "interactive":
            raise card_refused(BadCard(JSON_ERROR, "parse card json err")) from None
        raise explained(230001, "content is not a string in json format") from None
    return document


def _inspected(content: str, knobs: Knobs) -> None:
    if any(word in content for word in knobs.sensitive_words):
        raise Refused(230022)
    if any(word in content for word in knobs.dlp_words):
        raise Refused(230028)


def card_refused(bad: BadCard) -> Refused:
    """Wrap a card's fault as 230099, the way the IM API answers it."""
    return Refused(230099, f"Failed to create card content, ext={bad.ext}", http=400)


def _card(document: object, audience: Audience) -> Content:
    try:
        return card_content(document, audience)
    except BadCard as bad:
        raise card_refused(bad) from None


def text_mentions(texts: Iterable[str], audience: Audience) -> list[markup.Mention]:
    """List whom these texts mention; raises Refused for an @all that the chat forbids."""
    found = [
        markup.Mention("id", who) for text in texts for _, who, _ in markup.text_mentions(text)
    ]
    if any(mention.who == markup.ALL for mention in found) and not audience.may_call_all():
        raise explained(230001, "no permission to at all")
    return found


def _text(document: dict[str, Any], audience: Audience) -> Content:
    text = document.get("text")
    if not isinstance(text, str) or not text:
        raise explained(230001, "text is empty")
    mentions = audience.notified(text_mentions([text], audience))
    return Content(document, mentions)


def _post(document: dict[str, Any], audience: Audience) -> Content:
    if not document:
        raise explained(230001, "post has no language")
    mentions: list[markup.Mention] = []
    for language in document.values():
        for tag in post_tags(language):
            if tag.get("tag") not in _POST_TAGS:
                raise explained(230001, f"unsupported tag {tag.get('tag')}")
            if tag["tag"] == "at":
                mentions.append(markup.Mention("id", str(tag.get("user_id", ""))))
            if tag["tag"] in ("md", "text"):
                mentions += text_mentions([str(tag.get("text", ""))], audience)
    return Content(document, audience.notified(mentions))


def post_tags(language: object) -> list[dict[str, Any]]:
    """List the tags of one language of a post; raises Refused for another shape."""
    rows = language.get("content") if isinstance(language, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise explained(230001, "content of the post is invalid")
    tags = [tag for row in rows for tag in row]
    if not all(isinstance(tag, dict) for tag in tags):
        raise explained(230001, "content of the post is invalid")
    return tags


def _keyed(msg_type: str, document: dict[str, Any]) -> Content:
    key = _KEYS.get(msg_type)
    if key is None:
        raise explained(230001, f"invalid msg_type {msg_type}")
    if not document.get(key):
        raise explained(230001, f"{key} is empty")
    return Content(document)

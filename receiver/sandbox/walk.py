"""The walk over a card: where it stands, what it has seen, and how it refuses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from receiver.sandbox import markup, schema, vocabulary

JSON_ERROR = 200621
UNSUPPORTED = 200861
LIMIT = 11310
DUPLICATE_ID = 300301
FORM_NAME = 200530
BAD_PERSON = 100290
BAD_IMAGE = 200570
BAD_CHART = 200550
BAD_ROWS = 200914
BAD_ROW_NAME = 200915
DOWNGRADE = 200830
ACTION_IN_COLUMN = 200410

Path = tuple[str, ...]
SHOWN_VALUE = 80


class BadCard(Exception):
    """A card that the platform refuses, with its sub-code and where the fault stands."""

    def __init__(self, code: int, msg: str, *, path: Path = (), value: object = None) -> None:
        super().__init__(msg)
        self.code = code
        self.msg = msg
        self.path = path
        self.value = value

    @property
    def ext(self) -> str:
        """The text behind `ext=` of 230099, and the whole message of 11246."""
        where = f"ErrPath: {' -> '.join(('ROOT', *self.path))}; " if self.path else ""
        what = "" if self.value is None else f"ErrorValue: {str(self.value)[:SHOWN_VALUE]}; "
        return f"ErrCode: {self.code}; {where}ErrMsg: {self.msg}; {what}"


class Directory(Protocol):
    """What a card may refer to."""

    def person(self, who: str, /) -> bool:
        """Tell whether this id belongs to somebody of the tenant."""

    def email(self, address: str, /) -> bool:
        """Tell whether this address belongs to somebody of the tenant."""

    def image(self, key: str, /) -> bool:
        """Tell whether this image was uploaded."""

    def may_call_all(self) -> bool:
        """Tell whether the chat lets this sender mention everybody."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the contract leaves open, decided."""

    legacy_properties: bool = False
    unknown_properties: bool = False
    string_values: bool = False
    count_header: bool = True
    count_options: bool = True
    check_links: bool = True
    at_all_code: int = BAD_PERSON


@dataclass(slots=True)
class Drawn:
    """What was found in a valid card."""

    schema: str = "2.0"
    elements: int = 0
    tables: int = 0
    update_multi: bool = False
    mentions: list[markup.Mention] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the walk stands."""

    path: Path = ()
    depth: int = 0
    root: bool = False
    form: bool = False

    def at(self, *parts: str) -> "Place":
        """Step into a property."""
        return Place(self.path + parts, self.depth, root=self.root, form=self.form)


@dataclass(slots=True)
class Walk:
    """One pass over one card."""

    rules: Rules
    known: Directory
    drawn: Drawn
    book: "Book"
    ids: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    text_sizes: frozenset[str] = frozenset()
    colours: frozenset[str] = frozenset()

    def part(self, name: str, value: object, at: Place) -> None:
        """Check one object against the part of the schema called `name`."""
        if not isinstance(value, dict):
            raise wrong(value, at, "an object")
        self.properties(self.book.parts[name], value, at)

    def properties(self, checks: "Checks", value: dict[str, Any], at: Place) -> None:
        """Check that `value` has only known properties, each of its kind, and all required ones."""
        for key, item in value.items():
            check = checks.known.get(key)
            if check is not None:
                check(self, item, at.at(key))
            elif not (
                self.rules.unknown_properties
                or (self.rules.legacy_properties and key in checks.legacy)
            ):
                raise BadCard(JSON_ERROR, "unknown property", path=at.path, value=key)
        for key in checks.required:
            if key not in value:
                raise BadCard(JSON_ERROR, f"property {key} is required", path=at.path)

    def elements(self, value: object, at: Place) -> None:
        """Check a list of components."""
        if not isinstance(value, list):
            raise wrong(value, at, "a list of elements")
        for index, item in enumerate(value):
            tag = item.get("tag") if isinstance(item, dict) else None
            here = replace(at, path=(*at.path, f"[{index}](tag: {tag})"))
            self.component(item, here)

    def component(self, item: object, at: Place) -> None:
        """Check one component, its place and what its kind adds to the table of properties."""
        if not isinstance(item, dict):
            raise wrong(item, at, "an element")
        tag = str(item.get("tag"))
        checks = self.book.components.get(tag)
        if checks is None:
            removed = "cards of schema V2 no longer support this capability"
            msg = removed if tag in vocabulary.REMOVED else "unknown tag"
            raise BadCard(UNSUPPORTED, msg, path=at.path, value=f"unsupported tag {tag}")
        self._placed(tag, at)
        inside = Place(
            at.path,
            at.depth + (tag in vocabulary.CONTAINERS),
            form=at.form or tag == "form",
        )
        if inside.depth > schema.MAX_NESTING:
            raise BadCard(LIMIT, "container nesting exceeds the limit", path=at.path)
        self.properties(checks, item, inside)
        extra = self.book.extras.get(tag)
        if extra:
            extra(self, item, inside)
        if at.form and tag in vocabulary.INTERACTIVE and tag != "overflow":
            self.name(item, at)

    def _placed(self, tag: str, at: Place) -> None:
        if tag in vocabulary.ROOT_ONLY and not at.root:
            raise BadCard(JSON_ERROR, f"{tag} stands at the root of the card only", path=at.path)
        if tag in vocabulary.FORM_ONLY and not at.form:
            raise BadCard(JSON_ERROR, f"{tag} stands in a form only", path=at.path)

    def name(self, item: dict[str, Any], at: Place) -> None:
        """Check that a form, or a control inside one, has a name of its own."""
        name = item.get("name")
        if not name:
            raise BadCard(FORM_NAME, "name of a component in a form is empty", path=at.path)
        if name in self.names:
            raise BadCard(FORM_NAME, "name is not unique in the card", path=at.path, value=name)
        self.names.add(str(name))

    def person(self, who: str, at: Place) -> None:
        """Check that an id belongs to somebody."""
        if not self.known.person(who):
            raise BadCard(BAD_PERSON, "invalid user resource", path=at.path, value=who)

    def image(self, key: object, at: Place) -> None:
        """Check that an image was uploaded."""
        if not isinstance(key, str) or not self.known.image(key):
            raise BadCard(BAD_IMAGE, "invalid image keys", path=at.path, value=key)

    def prose(self, text: str, at: Place) -> None:
        """Check the mentions, links, images and tables of a markdown text."""
        for mention in markup.mentions(text):
            self.mention(mention, at)
        for who in markup.people(text):
            self.person(who, at)
        for key in markup.images(text):
            self.image(key, at)
        bad = self.rules.check_links and (markup.bad_link(text) or markup.glued_link(text))
        if bad:
            raise BadCard(JSON_ERROR, "invalid url", path=at.path, value=bad)

    def mention(self, mention: markup.Mention, at: Place) -> None:
        """Check that a mention reaches somebody, and note it."""
        if mention.who == markup.ALL:
            if not self.known.may_call_all():
                code = self.rules.at_all_code
                raise BadCard(code, "no permission to at all", path=at.path, value="all")
        elif mention.by == "email":
            if not self.known.email(mention.who):
                raise BadCard(BAD_PERSON, "invalid user resource", path=at.path, value=mention.who)
        else:
            self.person(mention.who, at)
        if mention not in self.drawn.mentions:
            self.drawn.mentions.append(mention)


Check = Callable[[Walk, Any, Place], None]


@dataclass(frozen=True, slots=True)
class Checks:
    """A part of the schema, ready to run."""

    known: Mapping[str, Check]
    required: tuple[str, ...]
    legacy: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Book:
    """The whole schema, ready to run; `extras` says what a table of properties cannot."""

    parts: Mapping[str, Checks]
    components: Mapping[str, Checks]
    extras: Mapping[str, Check]


def wrong(value: object, at: Place, wanted: str) -> BadCard:
    """Refuse a value of the wrong type."""
    return BadCard(JSON_ERROR, f"wrong type, {wanted} is wanted", path=at.path, value=value)

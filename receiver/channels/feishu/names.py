"""What people are called, learned from the members of chats; callbacks carry no names.

https://open.feishu.cn/document/server-docs/group/chat-member/get
"""

from urllib.parse import quote

import msgspec

from receiver.channels.feishu.api import Api
from receiver.channels.feishu.attempt import Ports
from receiver.channels.feishu.content import UNREADABLE
from receiver.channels.feishu.flights import Flights
from receiver.domain.outcome import Delivered

ENDPOINT = ("GET", "/open-apis/im/v1/chats/:chat_id/members")
PAGE = 100
PAGES_LIMIT = 100
BUDGET = 2.0  # seconds that anybody waits for a name
CHAT_LIFE = 60 * 60_000  # ms after which a chat's members are read again
FAILURE_LIFE = 60_000
NAMES_LIMIT = 100_000
NAME_LIMIT = 100  # characters


class _Member(msgspec.Struct):
    member_id: str | None = None
    name: str | None = None


class _Members(msgspec.Struct):
    items: list[_Member] | None = None
    page_token: str | None = None
    has_more: bool | None = None


class _Body(msgspec.Struct):
    data: _Members


_body = msgspec.json.Decoder(_Body).decode


class Names:
    """Keeps the names of chats' members, ``most`` at a time; ``budget`` is in seconds."""

    def __init__(
        self, api: Api, ports: Ports, budget: float = BUDGET, most: int = NAMES_LIMIT
    ) -> None:
        self._api = api
        self._ports = ports
        self._budget = budget
        self._most = most
        self._names: dict[str, str] = {}
        self._read_until: dict[str, int] = {}
        self._flights: Flights[None] = Flights()

    def known(self, open_id: str) -> str:
        """Return a name that is known already, else an empty text; at once."""
        return self._names.get(open_id, "")

    def prefetch(self, chat_id: str) -> None:
        """Read a chat's members in the background, unless that was done lately."""
        if chat_id and self._read_until.get(chat_id, 0) <= self._ports.now():
            self._flights.start(chat_id, lambda: self._read(chat_id))

    async def find(self, open_id: str, chat_id: str) -> str:
        """Return a name, reading the chat's members where needed; empty if not found in time."""
        if chat_id and not self.known(open_id):
            self.prefetch(chat_id)
            await self._flights.wait(chat_id, self._budget)
        return self.known(open_id)

    async def close(self) -> None:
        """End what runs in the background."""
        await self._flights.close()

    async def _read(self, chat_id: str) -> None:
        path = f"/open-apis/im/v1/chats/{quote(chat_id, safe='')}/members"
        page_token, whole = "", False
        for _ in range(PAGES_LIMIT):
            page = await self._page(path, page_token)
            if page is None:
                break
            self._keep(page)
            page_token = page.page_token or ""
            if not page.has_more or not page_token:
                whole = True
                break
        life = CHAT_LIFE if whole else FAILURE_LIFE
        self._read_until[chat_id] = self._ports.now() + life
        _bound(self._read_until, self._most)

    async def _page(self, path: str, page_token: str) -> _Members | None:
        query: dict[str, str | int] = {"member_id_type": "open_id", "page_size": PAGE}
        if page_token:
            query["page_token"] = page_token
        result = await self._api.call(ENDPOINT, path, query=query)
        if not isinstance(result.outcome, Delivered):
            return None
        try:
            return _body(result.body).data
        except UNREADABLE:
            return None

    def _keep(self, page: _Members) -> None:
        for member in page.items or ():
            if member.member_id and member.name:
                self._names[member.member_id] = member.name[:NAME_LIMIT]
        _bound(self._names, self._most)


def _bound(kept: dict[str, str] | dict[str, int], most: int) -> None:
    """Forget the oldest."""
    while len(kept) > most:
        del kept[next(iter(kept))]

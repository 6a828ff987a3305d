"""Which of the mentioned bots is our own.

https://open.feishu.cn/document/client-docs/bot-v3/obtain-bot-info
"""

from typing import Annotated

import msgspec

from receiver.channels.feishu.api import Api
from receiver.channels.feishu.content import UNREADABLE

PATH = "/open-apis/bot/v3/info"


class _Bot(msgspec.Struct):
    open_id: Annotated[str, msgspec.Meta(pattern=r"^ou_[A-Za-z0-9_-]{1,64}\Z")]


class _Info(msgspec.Struct):
    bot: _Bot


_info = msgspec.json.Decoder(_Info).decode


class Identity:
    """An app's own bot, asked for once."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._open_id: str | None = None

    async def open_id(self) -> str | None:
        """Return the bot's open_id, or None while the platform does not tell it."""
        if self._open_id is None:
            result = await self._api.call(("GET", PATH), PATH)
            try:
                self._open_id = _info(result.body).bot.open_id
            except UNREADABLE:
                return None
        return self._open_id

"""A group bot: its address, its signature, its keyword."""

import msgspec

from receiver.channels.feishu.attempt import attempt
from receiver.channels.feishu.hook import TEMPLATE, FeishuBot, sign, with_keyword
from receiver.channels.feishu.http import Request
from receiver.config import FeishuBotConfig
from receiver.doctor.finding import Finding, fail, ok, unknown
from receiver.doctor.kit import Kit
from receiver.domain.card import Call
from receiver.domain.outcome import Delivered, Retry

# What a group bot answers to a message of no type, once its address and signature are right.
NO_TYPE = "19002"
_TEST = "receiver doctor: a test message, nothing is wrong / 这是一条测试消息,一切正常"


async def examine_bot(kit: Kit, bot: FeishuBotConfig) -> list[Finding]:
    """Check a group bot; only with ``send`` does a message appear in its chat."""
    where = f"feishu {bot.name}"
    if kit.send:
        return [await _send(kit, bot, where)]
    ports = kit.ports()
    secret = "" if bot.secret is None else bot.secret.reveal()
    seconds = kit.world.now() // 1000
    signed = {"timestamp": str(seconds), "sign": sign(seconds, secret)} if secret else {}
    request = Request(
        method="POST",
        url=bot.webhook_url.reveal(),
        template=TEMPLATE,
        shown_url=TEMPLATE,
        channel=bot.name,
        body=msgspec.json.encode({**signed, "msg_type": ""}),
    )
    outcome = (await attempt(ports, request, Call.POST)).outcome
    if isinstance(outcome, Delivered):
        return [fail(where, "the address accepts anything", "copy the bot's webhook URL again")]
    if isinstance(outcome, Retry):
        return [unknown(where, f"the bot could not be asked: {outcome.detail}")]
    if NO_TYPE not in outcome.detail:
        return [fail(where, outcome.detail)]
    cure = "receiver doctor --send posts a test message"
    return [
        ok(where, "the address is right, and the signature is not refused"),
        unknown(where, "whether a keyword is missing only a message shows", cure),
    ]


async def _send(kit: Kit, bot: FeishuBotConfig, where: str) -> Finding:
    secret = "" if bot.secret is None else bot.secret.reveal()
    channel = FeishuBot(bot.name, bot.webhook_url.reveal(), secret, kit.ports())
    message = {"msg_type": "text", "content": {"text": _TEST}}
    content = with_keyword(msgspec.json.encode(message).decode(), bot.keyword)
    outcome = await channel.send("", content, "")
    if isinstance(outcome, Delivered):
        return ok(where, "a test message was accepted")
    return fail(where, outcome.detail)

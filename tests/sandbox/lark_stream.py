"""Runs the official SDK's own long connection until it is killed: `python lark_stream.py ...`."""

import sys

import lark_oapi as lark
from lark_oapi.event.callback.model.p2_card_action_trigger import (
    P2CardActionTrigger,
    P2CardActionTriggerResponse,
)

ANSWER = {"toast": {"type": "success", "content": "acked", "i18n": {"en_us": "acked"}}}


def main(domain: str, app_id: str, secret: str) -> None:
    """Answer clicks with a toast, and say what people said."""

    def clicked(data: P2CardActionTrigger) -> P2CardActionTriggerResponse:
        print("click", data.event.action.value["a"], flush=True)  # noqa: T201
        return P2CardActionTriggerResponse(ANSWER)

    def said(data: lark.im.v1.P2ImMessageReceiveV1) -> None:
        print("said", data.event.message.content, flush=True)  # noqa: T201

    handler = (
        lark.EventDispatcherHandler.builder("", "")
        .register_p2_card_action_trigger(clicked)
        .register_p2_im_message_receive_v1(said)
        .build()
    )
    lark.ws.Client(app_id, secret, event_handler=handler, domain=domain).start()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The names of span attributes: Alertmanager's own where it has one, else the conventions'.

Alertmanager 0.30 and later is traced itself and uses the `alerting.` names, so one query finds
its spans and ours: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
"""

from typing import Final

ALERT_FINGERPRINT: Final = "alerting.alert.fingerprint"
ALERT_NAME: Final = "alerting.alert.name"
ALERTS_COUNT: Final = "alerting.alerts.count"
ALERTS_FIRING: Final = "alerting.alerts.firing.count"
ALERTS_RESOLVED: Final = "alerting.alerts.resolved.count"
GROUP_KEY: Final = "alerting.group.key"
RECEIVER_NAME: Final = "alerting.notify.receiver.name"
SILENCE_ID: Final = "alerting.silence.id"
ERROR_RECOVERABLE: Final = "alerting.notify.error.recoverable"

MESSAGING_SYSTEM: Final = "messaging.system"
MESSAGING_OPERATION_NAME: Final = "messaging.operation.name"
MESSAGING_OPERATION_TYPE: Final = "messaging.operation.type"
MESSAGING_DESTINATION: Final = "messaging.destination.name"
MESSAGING_MESSAGE_ID: Final = "messaging.message.id"
MESSAGING_BATCH_COUNT: Final = "messaging.batch.message_count"

HTTP_METHOD: Final = "http.request.method"
HTTP_RESEND_COUNT: Final = "http.request.resend_count"
HTTP_STATUS: Final = "http.response.status_code"
HTTP_ROUTE: Final = "http.route"
URL_FULL: Final = "url.full"
URL_QUERY: Final = "url.query"
URL_TEMPLATE: Final = "url.template"
SERVER_ADDRESS: Final = "server.address"
ERROR_TYPE: Final = "error.type"

SOURCE: Final = "receiver.source"
INCIDENT: Final = "receiver.incident.id"
CARD: Final = "receiver.card.id"
CARD_REVISION: Final = "receiver.card.revision"
TARGET: Final = "receiver.target"
REASON: Final = "receiver.reason"
ACTION: Final = "receiver.action"
FEISHU_CODE: Final = "receiver.feishu.code"
FEISHU_LOG_ID: Final = "receiver.feishu.log_id"

"""What people read when their configuration is wrong: every kind of problem, word for word."""

import pytest

from tests.config.made import BODY, added, problems

# Each is put below a whole configuration of eight lines.
ADDED = {
    "server: {lisen: 1}": "server.lisen (line 9): seen an unknown key; did you mean listen?",
    "server: {zzz: 1}": (
        "server.zzz (line 9): seen an unknown key; known here: listen, ops_listen, external_url, "
        "ops_token, body_limit, commit_timeout, shutdown_timeout"
    ),
    "server: {ops_tokn_file: 1}": (
        "server.ops_tokn_file (line 9): seen an unknown key; did you mean ops_token_file?"
    ),
    "server: on": "server (line 9): seen a text; write key: value pairs here",
    "server: [1]": "server (line 9): seen a list; write key: value pairs here",
    "server: {listen: '8080'}": (
        "server.listen (line 9): seen '8080'; write host:port, such as 127.0.0.1:8080, or "
        "0.0.0.0:8080 for every interface"
    ),
    "server: {listen: 'a:70000'}": (
        "server.listen (line 9): seen 'a:70000'; write host:port, such as 127.0.0.1:8080, or "
        "0.0.0.0:8080 for every interface"
    ),
    "server: {listen: [1]}": "server.listen (line 9): seen a list; write a single value here",
    "server: {listen: }": (
        "server.listen (line 9): seen nothing; give it a value, or remove the key"
    ),
    "server: {listen: '127.0.0.1:8081'}": (
        "server.ops_listen (line 9): seen '127.0.0.1:8081'; choose another port: server.listen "
        "has this one"
    ),
    "server: {ops_listen: '0.0.0.0:9'}": (
        "server.ops_listen (line 9): seen '0.0.0.0:9'; set server.ops_token or "
        "server.ops_token_file, or listen on 127.0.0.1"
    ),
    "server: {body_limit: 32 apples}": (
        "server.body_limit (line 9): seen '32 apples'; write a size such as 32MB, 16MiB or 1048576"
    ),
    "server: {body_limit: 1B}": (
        "server.body_limit (line 9): seen '1B'; write between 1024 and 1073741824 bytes"
    ),
    "server: {commit_timeout: 5}": (
        "server.commit_timeout (line 9): seen '5'; write a duration such as 500ms, 15s, 10m, "
        "1h30m or 30d"
    ),
    "server: {commit_timeout: 5h}": (
        "server.commit_timeout (line 9): seen '5h'; write between 100ms and 1m"
    ),
    "server: {external_url: alerts}": (
        "server.external_url (line 9): seen 'alerts'; write a URL such as "
        "https://alerts.example.com"
    ),
    "server: {external_url: 'https://a/?token=x'}": (
        "server.external_url (line 9): seen 'https://a/…'; take the ? and what follows out of "
        "the URL"
    ),
    "server: {external_url: 'https://a/#x'}": (
        "server.external_url (line 9): seen 'https://a/…'; take the # and what follows out of "
        "the URL"
    ),
    "server: {ops_token: a b}": (
        "server.ops_token (line 9): seen a secret; write letters, digits and signs of ASCII, "
        "without spaces"
    ),
    "server: {ops_token: }": (
        "server.ops_token (line 9): seen nothing; give it a value, or remove the key"
    ),
    "server: {ops_token: ''}": (
        "server.ops_token (line 9): seen an empty text; give it a value, or remove the key"
    ),
    "server: {ops_token: x, ops_token_file: y}": (
        "server.ops_token_file (line 9): seen both; keep one of ops_token and ops_token_file"
    ),
    "server: {ops_token_file: missing}": (
        "server.ops_token_file (line 9): seen 'missing'; name a file that the service may read: "
        "it does not exist"
    ),
    "server: {ops_token_file: /dev/null}": (
        "server.ops_token_file (line 9): seen '/dev/null'; name a file that the service may "
        "read: it is no regular file"
    ),
    "store: {url: 'postgresql://user:hunter2@host/db'}": (
        "store.url (line 9): seen a PostgreSQL URL; PostgreSQL is not in this version yet: use "
        "sqlite:////absolute/path"
    ),
    "store: {url: receiver.db}": (
        "store.url (line 9): seen 'receiver.db'; write sqlite:////absolute/path/receiver.db, or "
        "sqlite:///receiver.db"
    ),
    "store: {url: 'sqlite:///'}": (
        "store.url (line 9): seen 'sqlite:///…'; write sqlite:////absolute/path/receiver.db, or "
        "sqlite:///receiver.db"
    ),
    "store: {retention: 1h}": "store.retention (line 9): seen '1h'; write between 1d and 3650d",
    "agents: {name: x}": "agents (line 9): seen a mapping; write a list, such as [one, two]",
    "agents: [{name: a}]": "agents[0].token (line 9): seen nothing; set token or token_file",
    "agents: [{token: a}]": "agents[0].name (line 9): seen nothing; set name",
    "agents: [{token: a, name: A B}]": (
        "agents[0].name (line 9): seen 'A B'; write small letters, digits, - and _, at most 63, a "
        "letter or digit first"
    ),
    "agents: [{token: a, name: prod}]": (
        "agents[0].name (line 9): seen 'prod'; choose another name: alertmanagers[0].name has "
        "this one"
    ),
    "agents: [{token: a, name: a, priority: high}]": (
        "agents[0].priority (line 9): seen 'high'; write a whole number from 0 to 9"
    ),
    "agents: [{token: a, name: a, rate_limit: 0/m}]": (
        "agents[0].rate_limit (line 9): seen '0/m'; write a number per second, minute or hour: "
        "5/s, 100/m or 1000/h"
    ),
    "agents: [{token: a, name: a, message_types: []}]": (
        "agents[0].message_types (line 9): seen an empty list; name at least one"
    ),
    "agents: [{token: a, name: a, message_types: [mail]}]": (
        "agents[0].message_types[0] (line 9): seen 'mail'; write one of text, post, card"
    ),
    "agents: [{token: a, name: a, message_types: [text, text]}]": (
        "agents[0].message_types[1] (line 9): seen 'text'; remove it: the list has it already"
    ),
    "severity: {order: []}": "severity.order (line 9): seen an empty list; name at least one",
    "severity: {label: ' '}": (
        "severity.label (line 9): seen an empty text; give it a value, or remove the key"
    ),
    "flap_window: 2d": "flap_window (line 9): seen '2d'; write between 0s and 1d",
    "flapping: {threshold: 1}": (
        "flapping.threshold (line 9): seen '1'; write a whole number from 2 to 1000"
    ),
    "flapping: {window: 1s}": "flapping.window (line 9): seen '1s'; write between 1m and 1d",
    "storm: {after: 1h}": "storm.after (line 9): seen '1h'; write between 1s and 10m",
    "storm: {enabled: maybe}": "storm.enabled (line 9): seen 'maybe'; write true or false",
    "storm: {on: true}": "storm.on (line 9): seen an unknown key; known here: enabled, after",
    "log: loud": "log (line 9): seen 'loud'; write one of debug, info, warning, error",
    "log: ${LEVEL}": (
        "log (line 9): seen ${LEVEL}; set the environment variable LEVEL, or write $${ for a "
        "plain ${"
    ),
    "log: ${a b}": (
        "log (line 9): seen '${a b}'; write ${NAME} for an environment variable, or $${ for a "
        "plain ${"
    ),
    'log: "a\\nb"': "log (line 9): seen a text with it; remove the line break or tab",
    'log: "a\\x07b"': "log (line 9): seen a text with it; remove the control character",
    "operators_target: nobody:oc_1": (
        "operators_target (line 9): seen 'nobody:oc_1'; name an entry of feishu: legacy, ops"
    ),
    "templates: {text: '{{ x'}": (
        "templates.text (line 9): seen '{{ x'; correct the template: text, line 1: unexpected end "
        "of template, expected 'end of print statement'."
    ),
    "links: [{name: Logs, url: 'ftp://x'}]": (
        "links[0].url (line 9): seen 'ftp://x'; correct the template: url, line 1: it must begin "
        "with http:// or https://"
    ),
    "links: [{name: Logs, url: 'https://x/{% block a %}{% endblock %}'}]": (
        "links[0].url (line 9): seen 'https://x/…'; correct the template: url, line 1: block "
        "is not offered"
    ),
    "links: [{name: {zh: 日志}, url: 'https://x'}]": (
        "links[0].name.en (line 9): seen nothing; set en"
    ),
    "server: {}\nserver: {}": (
        "server (line 10): seen the key again, first at line 9; keep one of the two"
    ),
    "server: &x {}": (
        "server (line 9): seen an anchor or an alias; write the value in full; a value that "
        'begins with * or & needs "quotes"'
    ),
    "log: *hunter2": (
        "log (line 9): seen an anchor or an alias; write the value in full; a value that "
        'begins with * or & needs "quotes"'
    ),
    "log: !hunter2 x": (
        'log (line 9): seen a tag; remove the tag; a value that begins with ! needs "quotes"'
    ),
    "? [a]\n: b": "the file (line 9): seen a list as a key; a key is a word",
    "---\na: b": (
        "the file (line 9): seen a second document; keep one document: remove the --- line"
    ),
    "log: " + "[" * 20 + "]" * 20: (
        "log[0][0][0][0][0][0][0][0][0][0][0][0][0][0] (line 9): seen more than 16 levels; no "
        "key stands that deep"
    ),
    "log: 'hunter2": (
        "the file (line 10): seen column 1: found unexpected end of stream; correct the YAML: "
        "look at the indentation, colons and quotes here and one line above"
    ),
}


@pytest.mark.parametrize("text", ADDED)
def test_a_wrong_key_is_named_with_its_cure(text: str) -> None:
    assert added(text) == [ADDED[text]]


AM = "alertmanagers:\n  - name: am\n    urls: ['http://am']\n"
SOURCES = {
    "    urls2: x": "alertmanagers[0].urls2 (line 4): seen an unknown key; did you mean urls?",
    "    basic_auth: 'me:hunter2'": (
        "alertmanagers[0].basic_auth (line 4): seen a text; write key: value pairs here"
    ),
    "    basic_auth: {username: me}": (
        "alertmanagers[0].basic_auth.password (line 4): seen nothing; set password or password_file"
    ),
    "    basic_auth: {username: me, password: x}\n    bearer_token: x": (
        "alertmanagers[0].basic_auth (line 4): seen both; keep one of basic_auth and bearer_token"
    ),
    "    headers: X": (
        "alertmanagers[0].headers (line 4): seen 'X'; write pairs, such as {X-Scope-OrgID: team-a}"
    ),
    "    headers: {'a b': hunter2}": (
        "alertmanagers[0].headers.'a b' (line 4): seen a secret; a header's name has letters, "
        "digits and -"
    ),
    "    headers: {a: 'hünter2'}": (
        "alertmanagers[0].headers.a (line 4): seen a secret; write the value in ASCII, without "
        "spaces around it"
    ),
    "    headers: {Authorization: hunter2}": (
        "alertmanagers[0].headers (line 4): seen an Authorization header; use basic_auth or "
        "bearer_token"
    ),
    "    headers: {a: b, A: b}": (
        "alertmanagers[0].headers (line 4): seen a header twice; name each header once"
    ),
    "    tls: {ca_file: /no/such.pem}": (
        "alertmanagers[0].tls.ca_file (line 4): seen '/no/such.pem'; name a file that exists"
    ),
    "    tls: {server_name: 'a b'}": (
        "alertmanagers[0].tls.server_name (line 4): seen 'a b'; write a host name: am.example.com"
    ),
    "    tls: {insecure_skip_verify: true}": (
        "alertmanagers[0].tls.insecure_skip_verify (line 4): seen an unknown key; known here: "
        "ca_file, cert_file, key_file, server_name"
    ),
    "    tls: {server_name: a}": (
        "alertmanagers[0].tls (line 4): seen urls without TLS; use https in urls, or remove tls"
    ),
    "    kind: mimir": (
        "alertmanagers[0].kind (line 4): seen 'mimir'; write one of alertmanager, grafana"
    ),
    "    reconcile_every: 1s": (
        "alertmanagers[0].reconcile_every (line 4): seen '1s'; write between 5s and 1h"
    ),
    "    external_url: 'http://me:hunter2@am'": (
        "alertmanagers[0].external_url (line 4): seen a URL with an @; take user and password "
        "out of the URL: use basic_auth"
    ),
    "    external_url: 'http://am:x'": (
        "alertmanagers[0].external_url (line 4): seen 'http://am:x'; write a URL such as "
        "https://alerts.example.com"
    ),
}


@pytest.mark.parametrize("text", SOURCES)
def test_a_wrong_alertmanager_is_named_with_its_cure(text: str) -> None:
    feishu = "feishu: [{name: ops, app_id: c, app_secret: s, encrypt_key: k}]\n"
    whole = f"{AM}{text}\n{feishu}routes: [{{targets: ['ops:oc_1']}}]\n"
    assert problems(whole) == [SOURCES[text]]


CHANNELS = {
    "{name: a, app_id: c, app_secret: s}": (
        "feishu[0] (line 1): seen neither encrypt_key nor verification_token; set encrypt_key "
        "(better) or verification_token, or anybody could forge a click"
    ),
    "{name: a, app_id: c d, app_secret: s, encrypt_key: k}": (
        "feishu[0].app_id (line 1): seen 'c d'; copy the App ID from the app's page: cli_…"
    ),
    "{name: a, app_id: c, app_secret: s, encrypt_key: k, callbacks: websocket}": (
        "feishu[0].callbacks (line 1): seen 'websocket'; write one of http, long_connection"
    ),
    "{name: a, app_id: c, app_secret: s, callbacks: http}": (
        "feishu[0] (line 1): seen neither encrypt_key nor verification_token; set encrypt_key "
        "(better) or verification_token, or anybody could forge a click"
    ),
    "{name: a, app_id: c, app_secret: s, encrypt_key: k, base_url: 'http://feishu'}": (
        "feishu[0].base_url (line 1): seen 'http://feishu'; use https: only a loopback address "
        "may do without"
    ),
    "{name: a, webhook_url: 'open.feishu.cn/hunter2'}": (
        "feishu[0].webhook_url (line 1): seen a secret; copy the group bot's whole webhook URL, "
        "https://open.feishu.cn/open-apis/bot/v2/hook/…"
    ),
    "{name: a, webhook_url: 'http://f/hunter2'}": (
        "feishu[0].webhook_url (line 1): seen a secret; use https: only a loopback address may do "
        "without"
    ),
    "{name: a, webhook_url: 'https://f/h', app_id: c}": (
        "feishu[0].app_id (line 1): seen an unknown key; known here: name, webhook_url, secret, "
        "keyword"
    ),
}


@pytest.mark.parametrize("text", CHANNELS)
def test_a_wrong_channel_is_named_with_its_cure(text: str) -> None:
    target = "a" if "webhook_url" in text else "a:oc_1"
    assert problems(f"feishu: [{text}]\nroutes: [{{targets: ['{target}']}}]") == [CHANNELS[text]]


ROUTED = {
    "{targets: [nobody]}": (
        "routes[0].targets[0] (line 8): seen 'nobody'; name an entry of feishu: legacy, ops"
    ),
    "{targets: [ops]}": (
        "routes[0].targets[0] (line 8): seen 'ops'; write ops:oc_…, with the chat's id"
    ),
    "{targets: ['legacy:oc_1']}": (
        "routes[0].targets[0] (line 8): seen 'legacy:oc_1'; write legacy alone: a group bot has "
        "one chat"
    ),
    "{targets: ['https://f/hook/hunter2']}": (
        "routes[0].targets[0] (line 8): seen 'https://f/…'; name an entry of feishu: legacy, ops"
    ),
    "{targets: []}": "routes[0].targets (line 8): seen an empty list; name at least one",
    "{match: [a=b]}": "routes[0].targets (line 8): seen nothing; set targets",
    "{targets: [legacy], match: ['a']}": (
        "routes[0].match[0] (line 8): seen 'a'; write a matcher such as severity=\"critical\" or "
        'team=~"db|web"'
    ),
    "{targets: [legacy], match: ['a=~\"(\"']}": (
        "routes[0].match[0] (line 8): seen 'a=~\"(\"'; write a matcher such as "
        'severity="critical" or team=~"db|web"'
    ),
    "{targets: [legacy], mention: [li]}": (
        "routes[0].mention[0] (line 8): seen 'li'; write an open_id (ou_…), an e-mail address, "
        "all, or oncall: and a list's name"
    ),
    "{targets: [legacy], notify: [first]}": (
        "routes[0].notify[0] (line 8): seen 'first'; write one of reopened, new_alerts, "
        "severity_raised, lapsed, repeat"
    ),
    "{targets: [legacy], continue: yes}": (
        "routes[0].continue (line 8): seen 'yes'; write true or false"
    ),
}


@pytest.mark.parametrize("text", ROUTED)
def test_a_wrong_route_is_named_with_its_cure(text: str) -> None:
    assert problems(f"{BODY}routes:\n  - {text}\n") == [ROUTED[text]]


def test_a_configuration_without_routes_is_refused() -> None:
    assert problems(BODY) == ["routes: seen nothing; set routes"]
    assert problems(f"{BODY}routes: []") == [
        "routes (line 7): seen an empty list; name at least one"
    ]


def test_a_target_without_any_channel_says_where_to_add_one() -> None:
    assert problems("routes: [{targets: [x]}]") == [
        "routes[0].targets[0] (line 1): seen 'x'; add it to feishu"
    ]

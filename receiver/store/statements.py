"""Every SQL statement of the SQLite engine, by name."""

from receiver.domain.card import Attempt
from receiver.store.schema import EPISODES, SOURCE

UNSURE = Attempt._fields.index("ambiguous")  # attempts are kept as arrays

NEWEST_OF_GROUP = "SELECT id, value FROM incidents WHERE key = ? ORDER BY id DESC LIMIT 1"
INCIDENT = "SELECT key, value FROM incidents WHERE id = ?"
INSERT_INCIDENT = (
    "INSERT INTO incidents (key, source, closed_at, escalate_at, value) VALUES (?, ?, ?, ?, ?)"
)
UPDATE_INCIDENT = (
    "UPDATE incidents SET closed_at = ?, lapse_at = ?, escalate_at = ?, value = ? WHERE id = ?"
)
INCIDENTS_BEFORE = "SELECT id, value FROM incidents WHERE id < ? ORDER BY id DESC LIMIT ?"
LAPSE_NOW = "UPDATE incidents SET lapse_at = ?2 WHERE id = ?1"
LAPSING = "SELECT id FROM incidents WHERE lapse_at <= ? ORDER BY lapse_at LIMIT 100"
# Incidents whose escalation is to be looked at; after a start, or a clock set back, all of them.
ESCALATING = "SELECT id FROM incidents WHERE escalate_at <= ?1 ORDER BY escalate_at LIMIT ?2"
ESCALATIONS = (
    "SELECT id FROM incidents WHERE escalate_at IS NOT NULL AND escalate_at >= ?1"
    " ORDER BY escalate_at LIMIT ?2"
)
NEXT_ESCALATION = "SELECT MIN(escalate_at) FROM incidents WHERE escalate_at IS NOT NULL"
NEXT_LAPSE = "SELECT MIN(lapse_at) FROM incidents WHERE lapse_at IS NOT NULL"
OPEN_SOURCES = "SELECT DISTINCT source FROM incidents WHERE closed_at IS NULL"
OPEN_OF_SOURCE = (
    "SELECT id, value FROM incidents WHERE source = ? AND id > ? AND closed_at IS NULL"
    " ORDER BY id LIMIT ?"
)
OPEN_INCIDENTS = "SELECT COUNT(*) FROM incidents WHERE closed_at IS NULL"

MEMBERS = "SELECT fingerprint, value FROM members WHERE incident = ?"
MEMBER = "SELECT value FROM members WHERE incident = ? AND fingerprint = ?"
MEMBER_NAMES = "SELECT fingerprint FROM members WHERE incident = ?"
PUT_MEMBER = "INSERT OR REPLACE INTO members (incident, fingerprint, value) VALUES (?, ?, ?)"
DROP_MEMBER = "DELETE FROM members WHERE incident = ? AND fingerprint = ?"
OPEN_MEMBERS = (
    "SELECT fingerprint, incident FROM incidents JOIN members ON incident = id"
    " WHERE closed_at IS NULL"
)

FIRING_OF_SOURCE = (
    "SELECT incident, fingerprint, m.value FROM incidents i JOIN members m ON m.incident = i.id"
    f" WHERE i.closed_at IS NULL AND json_extract(CAST(i.value AS TEXT), '$[{SOURCE}]') = ?"
)

CARD_COLUMNS = (
    "id, incident, target, wanted, shown, due_at, pending_since, dead, in_flight, digest, value"
)
INSERT_CARD = (
    "INSERT OR IGNORE INTO cards (incident, target, wanted, shown, due_at, pending_since, rank,"
    " dead, in_flight, message_id, phase, value)"
    " VALUES (?1, ?2, ?3, 0, ?4, ?4, ?5, 0, 0, '', ?6, ?7)"
)
# A card that an open digest shows is not due; one that became critical waits behind nothing.
RAISE_CARDS = (
    "UPDATE cards SET wanted = ?2, rank = ?4, phase = ?5, dead = 0,"
    " digest = CASE WHEN digest < 0 AND ?4 = 0 THEN 0 ELSE digest END,"
    " due_at = CASE WHEN digest > 0 THEN NULL WHEN ?4 = 0 AND rank > 0 THEN ?3"
    " ELSE COALESCE(due_at, ?3) END,"
    " pending_since = CASE WHEN shown >= wanted THEN ?3 ELSE pending_since END"
    " WHERE incident = ?1 AND dead < 2"
)
# What nobody need be shown soon: behind everything else, but for cards with news already.
RAISE_IDLY = (
    "UPDATE cards SET wanted = ?2, rank = CASE WHEN shown >= wanted THEN ?4 ELSE rank END,"
    " due_at = CASE WHEN digest > 0 THEN NULL ELSE COALESCE(due_at, ?3) END,"
    " pending_since = CASE WHEN shown >= wanted THEN ?3 ELSE pending_since END"
    " WHERE incident = ?1 AND dead = 0"
)
CARD = f"SELECT {CARD_COLUMNS} FROM cards WHERE id = ?"
CARD_IN_TARGET = f"SELECT {CARD_COLUMNS} FROM cards WHERE incident = ? AND target = ?"
CARD_OF_MESSAGE = (
    f"SELECT {CARD_COLUMNS} FROM cards WHERE message_id = ? AND message_id <> '' LIMIT 1"
)
CARD_OF_FORMER = (
    f"SELECT {CARD_COLUMNS} FROM cards WHERE id ="
    " (SELECT card FROM former WHERE message_id = ? LIMIT 1)"
)
CARDS_OF = f"SELECT {CARD_COLUMNS} FROM cards WHERE incident = ? ORDER BY id"
CARDS_WAITING = (
    f"SELECT {CARD_COLUMNS} FROM cards WHERE due_at IS NOT NULL AND shown < wanted LIMIT 1000"
)
PUT_CARD = (
    "UPDATE cards SET wanted = ?, shown = ?, due_at = ?, pending_since = ?, dead = ?,"
    " in_flight = ?, message_id = ?, digest = ?, value = ? WHERE id = ?"
)
IN_FLIGHT = f"SELECT {CARD_COLUMNS} FROM cards WHERE in_flight = 1"
DEAD = f"SELECT {CARD_COLUMNS} FROM cards WHERE dead = 1 ORDER BY id DESC LIMIT ?"
# What became due in a span of time: the cost is that of what is new, not of what waits.
STIRRED = "SELECT DISTINCT target, shown > 0 FROM cards WHERE due_at > ? AND due_at <= ?"
# Jumps from target to target in the index, past the cards between them.
BACKLOG = (
    "WITH RECURSIVE targets (name) AS ("
    " SELECT MIN(target) FROM cards WHERE due_at IS NOT NULL"
    " UNION ALL"
    " SELECT (SELECT MIN(target) FROM cards WHERE due_at IS NOT NULL AND target > name)"
    " FROM targets WHERE name IS NOT NULL"
    ") SELECT name FROM targets WHERE name IS NOT NULL"
)
NEXT_DUE = "SELECT MIN(due_at) FROM cards WHERE due_at > ?"
DUE = (
    "SELECT id, rank, message_id, digest < 0, pending_since FROM cards"
    " WHERE target = ?1 AND (shown > 0) = ?2 AND rank <= ?3"
    " AND due_at IS NOT NULL AND due_at <= ?4 AND in_flight = 0"
    " ORDER BY digest < 0, rank, pending_since LIMIT ?5"
)
# Of a target or of all targets of a channel.
_IN_SCOPE = "(target = ?1 OR substr(target, 1, length(?1) + 1) = ?1 || ':')"
HASTEN = f"UPDATE cards SET due_at = ?2 WHERE due_at > ?2 AND {_IN_SCOPE}"
_DEAD_IN_SCOPE = f"SELECT {CARD_COLUMNS} FROM cards WHERE dead = 1 AND {_IN_SCOPE}"
DEAD_IN_SCOPE = f"{_DEAD_IN_SCOPE} ORDER BY rank, id DESC LIMIT ?2"
LOADS = (
    "SELECT target, SUM(rank > 0 AND phase = 0), SUM(phase = 1) FROM cards"
    " WHERE due_at IS NOT NULL AND (shown > 0) = 0 AND (digest < 0) = 0 GROUP BY target"
)
STORMS = (
    "SELECT target, digest, (SELECT COUNT(*) FROM gathered g WHERE g.digest = storms.digest"
    " AND parted IS NULL AND told = 0), EXISTS (SELECT 1 FROM cards c"
    " WHERE c.incident = storms.digest AND c.dead = 1) FROM storms"
)
STORM = "SELECT digest FROM storms WHERE target = ?"
BEGIN_STORM = "INSERT INTO storms (target, digest) VALUES (?, ?)"
END_STORM = "DELETE FROM storms WHERE target = ?"
_GATHERABLE = (
    f"SELECT {CARD_COLUMNS} FROM cards WHERE target = ?1 AND (shown > 0) = 0 AND (digest < 0) = 0"
    " AND due_at IS NOT NULL AND in_flight = 0 AND dead = 0"
    " AND json_extract(CAST(value AS TEXT), '$.last') IS NULL"
    f" AND COALESCE(json_extract(CAST(value AS TEXT), '$.attempt[{UNSURE}]'), 0) = 0"
)
LESSER = f"{_GATHERABLE} AND rank > 0 AND phase < 2 ORDER BY rank, pending_since LIMIT ?2"
ENDED = f"{_GATHERABLE} AND phase = 1 ORDER BY rank, pending_since LIMIT ?2"
GATHER = (
    "INSERT OR REPLACE INTO gathered (digest, incident, card, joined, changed, parted, seen,"
    " episodes, told, value) VALUES (?1, ?2, ?3, ?4, ?4, NULL, ?5, ?6, 0, ?7)"
)
# What changed since the digest last looked.
ASTIR = (
    "SELECT g.incident, g.card FROM gathered g JOIN cards c ON c.id = g.card"
    " WHERE g.digest = ? AND g.parted IS NULL AND c.wanted > g.seen"
)
REGATHER = (
    "UPDATE gathered SET changed = ?3, seen = ?4, episodes = ?5, value = ?6"
    " WHERE digest = ?1 AND incident = ?2"
)
PART = "UPDATE gathered SET parted = ?3 WHERE digest = ?1 AND incident = ?2"
GATHERED = "SELECT value FROM gathered WHERE digest = ? AND parted IS NULL"
_THEN = "joined <= ?2 AND (parted IS NULL OR parted > ?2)"
GATHERED_AS_OF = f"SELECT value FROM gathered WHERE digest = ?1 AND {_THEN}"
GATHERED_INCIDENTS = "SELECT incident FROM gathered WHERE digest = ? AND parted IS NULL"
GATHERED_CARDS = "SELECT card, told FROM gathered WHERE digest = ? AND parted IS NULL"
DIGESTS_OF = "SELECT digest FROM gathered WHERE incident = ?"
UNTOLD = (
    "SELECT incident, card, episodes, told FROM gathered"
    " WHERE digest = ? AND changed <= ? AND told < episodes"
)
TOLD = "UPDATE gathered SET told = ?3 WHERE digest = ?1 AND incident = ?2"

ACCEPT_UNITS = "UPDATE units SET accepted = accepted + ?1, pending = pending + ?1 WHERE id = 1"
MOVE_UNITS = (
    "UPDATE units SET accepted = accepted + ?2, pending = pending + ?3, shown = shown + ?4,"
    " digested = digested + ?5, suppressed = suppressed + ?6, dead_lettered = dead_lettered + ?7"
    " WHERE id = ?1"
)
SUPPRESS = (
    "INSERT INTO suppressed (reason, count) VALUES (?1, ?2)"
    " ON CONFLICT (reason) DO UPDATE SET count = count + ?2"
)
UNITS = (
    "SELECT accepted, pending, shown, digested, suppressed, dead_lettered FROM units WHERE id = ?"
)
SUPPRESSED = "SELECT reason, count FROM suppressed ORDER BY reason"
# The same, from what the cards say: a card that was moved has nothing pending.
_UNIT = "json_extract(CAST(c.value AS TEXT), '$.units[{0}]')"
COUNT_UNITS = (
    "SELECT TOTAL(CASE WHEN dead = 2 THEN shown + digested + suppressed + dead_lettered"
    " ELSE joined - base END),"
    " TOTAL(CASE WHEN dead = 2 THEN 0"
    " ELSE joined - base - shown - digested - suppressed - dead_lettered END),"
    " TOTAL(shown), TOTAL(digested), TOTAL(suppressed), TOTAL(dead_lettered) FROM (SELECT c.dead,"
    f" json_extract(CAST(i.value AS TEXT), '$[{EPISODES}]') AS joined, {_UNIT.format(0)} AS base,"
    f" {_UNIT.format(1)} AS shown, {_UNIT.format(2)} AS digested, {_UNIT.format(3)} AS suppressed,"
    f" {_UNIT.format(4)} AS dead_lettered FROM cards c JOIN incidents i ON i.id = c.incident)"
)

COUNT_UP = (
    "INSERT INTO counters (name, value) VALUES (?1, 1)"
    " ON CONFLICT (name) DO UPDATE SET value = value + 1"
)
COUNTED = "SELECT name, value FROM counters"
# Cards of open incidents that nobody looks at, and that can soon be edited no more.
AGE_CARDS = (
    "UPDATE cards SET due_at = ?1 WHERE due_at IS NULL AND dead = 0 AND message_id <> ''"
    " AND incident IN (SELECT id FROM incidents WHERE closed_at IS NULL)"
    " AND json_extract(value, '$.sent_at') <= ?2"
)
WAITING_CARDS = (
    "SELECT target, COUNT(*), MIN(pending_since),"
    " MIN(CASE WHEN rank = 0 AND phase < 2 THEN pending_since END) FROM cards"
    " WHERE due_at IS NOT NULL AND shown < wanted AND dead = 0 GROUP BY target"
)
COUNT_DEAD = "SELECT COUNT(*) FROM cards WHERE dead = 1"

INSERT_LINE = (
    "INSERT INTO timeline (incident, at, kind, detail, actor, union_id, open_id, place, result,"
    " trace) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
TIMELINE = (
    "SELECT at, kind, detail, actor, trace, union_id, open_id, place, result FROM"
    " (SELECT * FROM timeline WHERE incident = ? ORDER BY id DESC LIMIT 1000) ORDER BY id"
)

# A long incident's older lines are not looked through: this is asked while a body waits.
LAST_OWNER = (
    "SELECT actor FROM (SELECT id, kind, actor FROM timeline WHERE incident = ?"
    " ORDER BY id DESC LIMIT 200) WHERE kind = ? ORDER BY id DESC LIMIT 1"
)

# What people did; the index has these lines alone.
AUDIT = (
    "SELECT id, incident, at, kind, detail, actor, trace, union_id, open_id, place, result"
    " FROM timeline WHERE result <> '' AND id > ?1 AND at >= ?2 AND at < ?3"
    " AND (?4 IS NULL OR incident = ?4) AND (?5 = '' OR kind = ?5) ORDER BY id LIMIT ?6"
)
# Incidents take their lines along; those of none go by their age.
DROP_NOTES = (
    "DELETE FROM timeline WHERE id IN"
    " (SELECT id FROM timeline WHERE incident = 0 AND at < ? ORDER BY id LIMIT ?)"
)

ACTION = "SELECT reason FROM actions WHERE id = ?"
INSERT_ACTION = "INSERT INTO actions (id, incident, at, reason, value) VALUES (?, ?, ?, ?, ?)"
PUT_INTENT = "INSERT OR REPLACE INTO intents (silence, incident) VALUES (?, ?)"
DROP_INTENT = "DELETE FROM intents WHERE silence = ?"
INTENTS = "SELECT silence, incident FROM intents LIMIT 1000"

COMMAND_KNOWN = "SELECT 1 FROM commands WHERE id = ?"
COMMANDS_OPEN_COUNT = "SELECT COUNT(*) FROM commands WHERE done_at IS NULL"
INSERT_COMMAND = "INSERT INTO commands (id, at, value) VALUES (?, ?, ?)"
COMMANDS_OPEN = "SELECT id, at, value FROM commands WHERE done_at IS NULL ORDER BY at, id"
COMMAND_DONE = "UPDATE commands SET done_at = ?2, value = x'' WHERE id = ?1"
DROP_COMMANDS = "DELETE FROM commands WHERE done_at < ?"
ALIVE = "SELECT id FROM incidents WHERE closed_at IS NULL ORDER BY id DESC LIMIT ?"

INSERT_CALL = "INSERT INTO calls (at, keys) VALUES (?, ?)"
DROP_CALLS = "DELETE FROM calls WHERE at < ?"
CALLS = "SELECT at, keys FROM calls WHERE at >= ? ORDER BY at"

ONCE = (
    "INSERT INTO seen (key, until) VALUES (?1, ?2)"
    " ON CONFLICT (key) DO UPDATE SET until = ?2 WHERE until <= ?3"
)
DROP_SEEN = "DELETE FROM seen WHERE until <= ?"

QUARANTINED = "UPDATE quarantine SET count = count + 1, last_at = ? WHERE digest = ?"
COUNT_QUARANTINE = "SELECT COUNT(*) FROM quarantine"
SIZE_QUARANTINE = "SELECT COUNT(*), TOTAL(LENGTH(body)) FROM quarantine"
DROP_QUARANTINE = (
    "DELETE FROM quarantine WHERE digest IN"
    " (SELECT digest FROM quarantine WHERE last_at < ? ORDER BY last_at LIMIT ?)"
)
INSERT_QUARANTINE = (
    "INSERT INTO quarantine (digest, source, body, problem, count, first_at, last_at)"
    " VALUES (?1, ?2, ?3, ?4, 1, ?5, ?5)"
)

OVER = "SELECT id FROM incidents WHERE closed_at < ? ORDER BY closed_at LIMIT ?"
DROP_INCIDENT = (
    "DELETE FROM incidents WHERE id = ?",
    "DELETE FROM members WHERE incident = ?",
    "DELETE FROM cards WHERE incident = ?",
    "DELETE FROM timeline WHERE incident = ?",
    "DELETE FROM actions WHERE incident = ?",
    "DELETE FROM intents WHERE incident = ?",
    "DELETE FROM gathered WHERE incident = ?",
    "DELETE FROM gathered WHERE digest = ?",
    "DELETE FROM former WHERE incident = ?",
)

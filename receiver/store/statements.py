"""Every SQL statement of the SQLite engine, by name."""

NEWEST_OF_GROUP = "SELECT id, value FROM incidents WHERE key = ? ORDER BY id DESC LIMIT 1"
INCIDENT = "SELECT key, value FROM incidents WHERE id = ?"
INSERT_INCIDENT = "INSERT INTO incidents (key, closed_at, value) VALUES (?, ?, ?)"
UPDATE_INCIDENT = "UPDATE incidents SET closed_at = ?, lapse_at = ?, value = ? WHERE id = ?"
INCIDENTS_BEFORE = "SELECT id, value FROM incidents WHERE id < ? ORDER BY id DESC LIMIT ?"
LAPSING = "SELECT id FROM incidents WHERE lapse_at <= ? ORDER BY lapse_at LIMIT 100"
NEXT_LAPSE = "SELECT MIN(lapse_at) FROM incidents WHERE lapse_at IS NOT NULL"
OPEN_INCIDENTS = "SELECT COUNT(*) FROM incidents WHERE closed_at IS NULL"

MEMBERS = "SELECT fingerprint, value FROM members WHERE incident = ?"
PUT_MEMBER = "INSERT OR REPLACE INTO members (incident, fingerprint, value) VALUES (?, ?, ?)"
DROP_MEMBER = "DELETE FROM members WHERE incident = ? AND fingerprint = ?"
OPEN_MEMBERS = (
    "SELECT fingerprint, incident FROM incidents JOIN members ON incident = id"
    " WHERE closed_at IS NULL"
)

CARD_COLUMNS = "id, incident, target, wanted, shown, due_at, pending_since, dead, in_flight, value"
INSERT_CARD = (
    "INSERT OR IGNORE INTO cards (incident, target, wanted, shown, due_at, pending_since, rank,"
    " dead, in_flight, message_id, value) VALUES (?1, ?2, ?3, 0, ?4, ?4, ?5, 0, 0, '', ?6)"
)
RAISE_CARDS = (
    "UPDATE cards SET wanted = ?2, rank = ?4, dead = 0, due_at = COALESCE(due_at, ?3),"
    " pending_since = CASE WHEN shown >= wanted THEN ?3 ELSE pending_since END"
    " WHERE incident = ?1"
)
CARD = f"SELECT {CARD_COLUMNS} FROM cards WHERE id = ?"
CARD_IN_TARGET = f"SELECT {CARD_COLUMNS} FROM cards WHERE incident = ? AND target = ?"
CARDS_OF = f"SELECT {CARD_COLUMNS} FROM cards WHERE incident = ? ORDER BY id"
CARDS_WAITING = (
    f"SELECT {CARD_COLUMNS} FROM cards WHERE due_at IS NOT NULL AND shown < wanted LIMIT 1000"
)
PUT_CARD = (
    "UPDATE cards SET wanted = ?, shown = ?, due_at = ?, pending_since = ?, dead = ?,"
    " in_flight = ?, message_id = ?, value = ? WHERE id = ?"
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
    "SELECT id, rank, message_id FROM cards WHERE target = ?1 AND (shown > 0) = ?2 AND rank <= ?3"
    " AND due_at IS NOT NULL AND due_at <= ?4 AND in_flight = 0"
    " ORDER BY rank, pending_since LIMIT ?5"
)
# Cards of open incidents that nobody looks at, and that can soon be edited no more.
AGE_CARDS = (
    "UPDATE cards SET due_at = ?1 WHERE due_at IS NULL AND dead = 0 AND message_id <> ''"
    " AND incident IN (SELECT id FROM incidents WHERE closed_at IS NULL)"
    " AND json_extract(value, '$.sent_at') <= ?2"
)
WAITING_CARDS = (
    "SELECT target, COUNT(*), MIN(pending_since) FROM cards"
    " WHERE due_at IS NOT NULL AND shown < wanted AND dead = 0 GROUP BY target"
)
COUNT_DEAD = "SELECT COUNT(*) FROM cards WHERE dead = 1"

INSERT_LINE = (
    "INSERT INTO timeline (incident, at, kind, detail, actor, trace) VALUES (?, ?, ?, ?, ?, ?)"
)
TIMELINE = (
    "SELECT at, kind, detail, actor, trace FROM"
    " (SELECT * FROM timeline WHERE incident = ? ORDER BY id DESC LIMIT 1000) ORDER BY id"
)

ACTION = "SELECT reason FROM actions WHERE id = ?"
INSERT_ACTION = "INSERT INTO actions (id, incident, at, reason, value) VALUES (?, ?, ?, ?, ?)"
PUT_INTENT = "INSERT OR REPLACE INTO intents (silence, incident) VALUES (?, ?)"
DROP_INTENT = "DELETE FROM intents WHERE silence = ?"
INTENTS = "SELECT silence, incident FROM intents LIMIT 1000"

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
)

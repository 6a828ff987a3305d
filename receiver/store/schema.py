"""The SQLite schema as numbered migrations: number N brings a file from version N-1 to N."""

from receiver.domain.incident import Incident

Step = tuple[str, ...]

# Incidents are kept as arrays: where in one its episodes are counted.
EPISODES = Incident._fields.index("joined")
KIND = Incident._fields.index("kind")
SOURCE = Incident._fields.index("source")
# The last so many messages that showed a card before are remembered.
FORMER_MOST = 8

MIGRATIONS: tuple[Step, ...] = (
    (
        """CREATE TABLE incidents (
            id INTEGER PRIMARY KEY,
            key BLOB NOT NULL,
            closed_at INTEGER,
            lapse_at INTEGER,
            value BLOB NOT NULL
        )""",
        "CREATE INDEX incidents_key ON incidents (key, id)",
        # For the list of open ones at a start, not for look-ups: those go by the group's newest.
        "CREATE INDEX incidents_open ON incidents (id) WHERE closed_at IS NULL",
        "CREATE INDEX incidents_closed ON incidents (closed_at) WHERE closed_at IS NOT NULL",
        "CREATE INDEX incidents_lapse ON incidents (lapse_at) WHERE lapse_at IS NOT NULL",
        """CREATE TABLE members (
            incident INTEGER NOT NULL,
            fingerprint TEXT NOT NULL,
            value BLOB NOT NULL,
            PRIMARY KEY (incident, fingerprint)
        ) WITHOUT ROWID""",
        """CREATE TABLE cards (
            id INTEGER PRIMARY KEY,
            incident INTEGER NOT NULL,
            target TEXT NOT NULL,
            wanted INTEGER NOT NULL,
            shown INTEGER NOT NULL,
            due_at INTEGER,
            pending_since INTEGER NOT NULL,
            rank INTEGER NOT NULL,
            dead INTEGER NOT NULL,
            in_flight INTEGER NOT NULL,
            message_id TEXT NOT NULL,
            value BLOB NOT NULL,
            UNIQUE (incident, target)
        )""",
        # A target's two queues, never shown before shown, each in order of severity and age.
        """CREATE INDEX cards_due ON cards (target, shown > 0, rank, pending_since)
            WHERE due_at IS NOT NULL""",
        "CREATE INDEX cards_due_at ON cards (due_at) WHERE due_at IS NOT NULL",
        "CREATE INDEX cards_dead ON cards (id) WHERE dead = 1",
        "CREATE INDEX cards_in_flight ON cards (id) WHERE in_flight = 1",
        """CREATE TABLE timeline (
            id INTEGER PRIMARY KEY,
            incident INTEGER NOT NULL,
            at INTEGER NOT NULL,
            kind TEXT NOT NULL,
            detail TEXT NOT NULL,
            actor TEXT NOT NULL,
            trace TEXT NOT NULL
        )""",
        "CREATE INDEX timeline_incident ON timeline (incident, id)",
        """CREATE TABLE actions (
            id TEXT PRIMARY KEY,
            incident INTEGER NOT NULL,
            at INTEGER NOT NULL,
            reason TEXT NOT NULL,
            value BLOB NOT NULL
        ) WITHOUT ROWID""",
        "CREATE INDEX actions_incident ON actions (incident)",
        """CREATE TABLE intents (
            silence TEXT PRIMARY KEY,
            incident INTEGER NOT NULL
        ) WITHOUT ROWID""",
        "CREATE TABLE calls (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, keys TEXT NOT NULL)",
        "CREATE INDEX calls_at ON calls (at)",
        "CREATE TABLE seen (key TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID",
        "CREATE INDEX seen_until ON seen (until)",
        """CREATE TABLE quarantine (
            digest BLOB PRIMARY KEY,
            source TEXT NOT NULL,
            body BLOB NOT NULL,
            problem TEXT NOT NULL,
            count INTEGER NOT NULL,
            first_at INTEGER NOT NULL,
            last_at INTEGER NOT NULL
        )""",
        "CREATE INDEX quarantine_last ON quarantine (last_at)",
    ),
    (
        "ALTER TABLE cards ADD COLUMN digest INTEGER NOT NULL DEFAULT 0",
        # 0 while its incident goes on, 1 when that is over, 2 for what is no incident of a source.
        "ALTER TABLE cards ADD COLUMN phase INTEGER NOT NULL DEFAULT 0",
        "DROP INDEX cards_due",
        # What a digest has shown already is last in its queue.
        """CREATE INDEX cards_due
            ON cards (target, shown > 0, digest < 0, rank, pending_since, phase)
            WHERE due_at IS NOT NULL""",
        "CREATE TABLE storms (target TEXT PRIMARY KEY, digest INTEGER NOT NULL) WITHOUT ROWID",
        # joined, changed and parted are revisions of the digest; seen is one of the incident.
        """CREATE TABLE gathered (
            digest INTEGER NOT NULL,
            incident INTEGER NOT NULL,
            card INTEGER NOT NULL,
            joined INTEGER NOT NULL,
            changed INTEGER NOT NULL,
            parted INTEGER,
            seen INTEGER NOT NULL,
            episodes INTEGER NOT NULL,
            told INTEGER NOT NULL,
            value BLOB NOT NULL,
            PRIMARY KEY (digest, incident)
        ) WITHOUT ROWID""",
        "CREATE INDEX gathered_incident ON gathered (incident)",
        "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
        # Row 1 holds the totals, row 2 the part of them whose cards were forgotten since.
        """CREATE TABLE units (
            id INTEGER PRIMARY KEY,
            accepted INTEGER NOT NULL DEFAULT 0,
            pending INTEGER NOT NULL DEFAULT 0,
            shown INTEGER NOT NULL DEFAULT 0,
            digested INTEGER NOT NULL DEFAULT 0,
            suppressed INTEGER NOT NULL DEFAULT 0,
            dead_lettered INTEGER NOT NULL DEFAULT 0
        )""",
        "INSERT INTO units (id) VALUES (1), (2)",
        "CREATE TABLE suppressed (reason TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID",
        f"""UPDATE cards SET phase = (SELECT CASE
            WHEN json_extract(CAST(i.value AS TEXT), '$[{KIND}]') = 'message' THEN 2
            WHEN i.closed_at IS NULL THEN 0 ELSE 1 END
            FROM incidents i WHERE i.id = cards.incident)""",  # noqa: S608  (a number of ours)
        # What an earlier version accepted is not counted: its cards begin with no units.
        f"""UPDATE cards SET value = CAST(json_set(CAST(value AS TEXT), '$.units', json_array(
            (SELECT json_extract(CAST(i.value AS TEXT), '$[{EPISODES}]')
             FROM incidents i WHERE i.id = cards.incident), 0, 0, 0, 0)) AS BLOB)""",  # noqa: S608  (a number of ours)
    ),
    (
        "ALTER TABLE timeline ADD COLUMN union_id TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE timeline ADD COLUMN open_id TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE timeline ADD COLUMN place TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE timeline ADD COLUMN result TEXT NOT NULL DEFAULT ''",
        "CREATE INDEX timeline_audit ON timeline (id) WHERE result <> ''",
    ),
    (
        "ALTER TABLE incidents ADD COLUMN source TEXT NOT NULL DEFAULT ''",
        f"UPDATE incidents SET source = json_extract(CAST(value AS TEXT), '$[{SOURCE}]')",  # noqa: S608  (a number of ours)
        "DROP INDEX incidents_open",
        # The open ones of a source, for its reconciler, and of all sources, for a start.
        "CREATE INDEX incidents_open ON incidents (source, id) WHERE closed_at IS NULL",
    ),
    # A reply in the thread of a card names the card's message.
    ("CREATE INDEX cards_message ON cards (message_id) WHERE message_id <> ''",),
    (
        "ALTER TABLE incidents ADD COLUMN escalate_at INTEGER",
        """CREATE INDEX incidents_escalate ON incidents (escalate_at)
            WHERE escalate_at IS NOT NULL""",
    ),
    # What people asked the bot for: kept before the platform is told that it was heard.
    (
        """CREATE TABLE commands (
            id TEXT PRIMARY KEY,
            at INTEGER NOT NULL,
            done_at INTEGER,
            value BLOB NOT NULL
        ) WITHOUT ROWID""",
        "CREATE INDEX commands_open ON commands (at) WHERE done_at IS NULL",
        "CREATE INDEX commands_done ON commands (done_at) WHERE done_at IS NOT NULL",
    ),
    # The messages that showed a card before another took their place: people answer them too.
    (
        """CREATE TABLE former (
            id INTEGER PRIMARY KEY,
            message_id TEXT NOT NULL,
            card INTEGER NOT NULL,
            incident INTEGER NOT NULL
        )""",
        "CREATE INDEX former_message ON former (message_id)",
        "CREATE INDEX former_card ON former (card, id)",
        "CREATE INDEX former_incident ON former (incident)",
        f"""CREATE TRIGGER cards_replaced AFTER UPDATE OF message_id ON cards
            WHEN OLD.message_id <> '' AND NEW.message_id <> OLD.message_id
            BEGIN
                INSERT INTO former (message_id, card, incident)
                VALUES (OLD.message_id, OLD.id, OLD.incident);
                DELETE FROM former WHERE card = OLD.id AND id <= (
                    SELECT id FROM former WHERE card = OLD.id
                    ORDER BY id DESC LIMIT 1 OFFSET {FORMER_MOST});
            END""",  # noqa: S608  (a number of ours)
    ),
)
VERSION = len(MIGRATIONS)

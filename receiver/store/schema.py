"""The SQLite schema as numbered migrations: number N brings a file from version N-1 to N."""

Step = tuple[str, ...]

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
)
VERSION = len(MIGRATIONS)

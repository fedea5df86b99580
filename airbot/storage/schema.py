"""The tables, and the steps from each older version of them to the next.

`PRAGMA user_version` counts the steps a file has taken. A file from a newer airbot is
refused rather than guessed at. A step that has shipped is literal text and is never
changed: the databases of hosts have taken it (tests/data/versionN.sql).
"""

from __future__ import annotations

APPLICATION_ID = 0x61697262  # "airb": keeps us out of another program's file

FIRST = """
CREATE TABLE threads (
    id TEXT PRIMARY KEY,              -- global id in base64, as in conversation_id
    title TEXT NOT NULL,
    type TEXT NOT NULL,
    own_role TEXT,                    -- our account's part in it
    hosted INTEGER NOT NULL,
    listing_id TEXT,
    stage TEXT,
    description TEXT,
    activity_at TEXT,
    seen_mark TEXT,                   -- newest message as the list showed it when read
    read_at TEXT,                     -- when its messages were last read, site's clock
    reason TEXT                       -- the last decision about it, in words
) STRICT;

CREATE TABLE messages (
    id TEXT PRIMARY KEY,              -- Airbnb's numeric message id
    thread_id TEXT NOT NULL REFERENCES threads(id),
    turn_id TEXT REFERENCES turns(id),
    position INTEGER NOT NULL,        -- the page's order: times repeat, ids do not grow
    sender TEXT NOT NULL,             -- name as shown, else the account id
    account_id TEXT NOT NULL,
    role TEXT NOT NULL,
    direction TEXT NOT NULL CHECK (direction IN ('inbound', 'outbound', 'system')),
    kind TEXT NOT NULL CHECK (kind IN ('text', 'media', 'card', 'notice', 'deleted')),
    body TEXT,
    sent_at TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    note TEXT
) STRICT;
CREATE INDEX messages_of_thread ON messages (thread_id, position);
CREATE INDEX messages_of_turn ON messages (turn_id);

CREATE TABLE turns (
    id TEXT PRIMARY KEY,
    thread_id TEXT NOT NULL REFERENCES threads(id),
    status TEXT NOT NULL CHECK (status IN
        ('new', 'asked', 'answered', 'ignored', 'superseded', 'taken_over', 'expired',
         'failed')),
    reason TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    supersedes INTEGER NOT NULL,      -- how many turns in a row it has replaced
    first_at TEXT NOT NULL,
    newest_at TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    refusals INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TEXT,
    asked_at TEXT,                    -- since when the AI has it, null when not
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL
) STRICT;
CREATE INDEX turns_of_thread ON turns (thread_id);
CREATE UNIQUE INDEX one_open_turn ON turns (thread_id) WHERE status IN ('new', 'asked');

CREATE TABLE queue_outbox (
    id TEXT PRIMARY KEY,
    thread_id TEXT NOT NULL,          -- may name a thread that was never read
    turn_id TEXT REFERENCES turns(id),
    message TEXT NOT NULL,
    sender TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN
        ('pending', 'processing', 'sent', 'uncertain', 'failed', 'cancelled')),
    attempts INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    next_attempt_at TEXT,
    claimed_at TEXT,
    send_started_at TEXT,             -- the boundary: committed before the press
    processed_at TEXT,
    site_message_id TEXT,
    last_error TEXT,
    presses INTEGER NOT NULL DEFAULT 0,
    anchor_id TEXT,                   -- newest message in the thread before the press
    anchor_position INTEGER,
    request TEXT,                     -- what became of the page's own send request
    first_absent_at TEXT,
    absent_readings INTEGER NOT NULL DEFAULT 0,
    readings TEXT NOT NULL DEFAULT '[]',
    parked INTEGER NOT NULL DEFAULT 0,
    old_ok INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX outbox_by_status ON queue_outbox (status, created_at);
CREATE UNIQUE INDEX one_reply_a_turn ON queue_outbox (turn_id)
    WHERE turn_id IS NOT NULL;
CREATE UNIQUE INDEX one_proof_a_reply ON queue_outbox (site_message_id)
    WHERE site_message_id IS NOT NULL;

CREATE TABLE session (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    state TEXT NOT NULL CHECK (state IN
        ('ok', 'login', 'captcha', 'unavailable', 'unknown')),
    since TEXT NOT NULL,
    sentence TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    next_try_at TEXT,
    account_id TEXT,
    clock_offset_s REAL NOT NULL DEFAULT 0,   -- Airbnb's clock minus ours
    walk_finished INTEGER NOT NULL DEFAULT 0, -- was the last walk down the list whole?
    token_key TEXT NOT NULL                   -- makes the turns' callback tokens
) STRICT;

CREATE TABLE cycles (
    job TEXT PRIMARY KEY,
    started_at TEXT NOT NULL,
    took_ms INTEGER NOT NULL,
    outcome TEXT NOT NULL
) STRICT;
"""

# What is new in a thread is told by what was known before the press, not by its place:
# times repeat, and ours may be shown above older messages.
SECOND = """
ALTER TABLE queue_outbox ADD COLUMN known_ids TEXT;  -- JSON list of message ids
"""

# Years of messages: what is asked in every cycle, and by `airbot status`, finds its
# rows by an index (test_query_plans.py).
THIRD = """
CREATE INDEX threads_by_activity ON threads (activity_at);
CREATE INDEX guest_texts ON messages (sent_at, position)
    WHERE direction = 'inbound' AND kind = 'text';
CREATE INDEX guest_texts_left ON messages (sent_at, thread_id)
    WHERE direction = 'inbound' AND kind = 'text' AND turn_id IS NULL;
CREATE INDEX turns_by_status ON turns (status, changed_at);
CREATE INDEX outbox_by_press ON queue_outbox (send_started_at, thread_id)
    WHERE send_started_at IS NOT NULL;
CREATE INDEX outbox_of_thread ON queue_outbox (thread_id);
"""

# A signed call that comes again, a day later say, must not answer a newer turn.
FOURTH = """
CREATE TABLE calls (
    id TEXT PRIMARY KEY,              -- webhook-id
    outbox_id TEXT REFERENCES queue_outbox(id) ON DELETE CASCADE,
    turn_id TEXT REFERENCES turns(id) ON DELETE CASCADE,
    called_at TEXT NOT NULL
) STRICT;
CREATE INDEX calls_of_reply ON calls (outbox_id);
CREATE INDEX calls_of_turn ON calls (turn_id);
"""

# What nobody read goes. `revision` counts a reply's changes: whoever wants to make
# another one must have seen the last.
FIFTH = """
ALTER TABLE threads DROP COLUMN type;
ALTER TABLE threads DROP COLUMN read_at;
ALTER TABLE queue_outbox DROP COLUMN anchor_position;
ALTER TABLE queue_outbox DROP COLUMN readings;
ALTER TABLE queue_outbox ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calls DROP COLUMN called_at;
"""

# `number`: what was known before a press is told by the order in which it was stored,
# and costs one number however long the conversation is. AUTOINCREMENT: a number that
# was given is never given again, or a new message would count as known.
# A conversation that cannot be read, or not whole, has its trouble in its own row.
SIXTH = """
CREATE TABLE messages_by_number (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,          -- Airbnb's numeric message id
    thread_id TEXT NOT NULL REFERENCES threads(id),
    turn_id TEXT REFERENCES turns(id),
    position INTEGER NOT NULL,        -- the page's order: times repeat, ids do not grow
    sender TEXT NOT NULL,             -- name as shown, else the account id
    account_id TEXT NOT NULL,
    role TEXT NOT NULL,
    direction TEXT NOT NULL CHECK (direction IN ('inbound', 'outbound', 'system')),
    kind TEXT NOT NULL CHECK (kind IN ('text', 'media', 'card', 'notice', 'deleted')),
    body TEXT,
    sent_at TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    note TEXT,
    scheduled INTEGER NOT NULL DEFAULT 0  -- sent by the clock; judged once, when stored
) STRICT;
INSERT INTO messages_by_number (id, thread_id, turn_id, position, sender, account_id,
                                role, direction, kind, body, sent_at, seen_at, note)
    SELECT id, thread_id, turn_id, position, sender, account_id,
           role, direction, kind, body, sent_at, seen_at, note
    FROM messages ORDER BY rowid;
DROP TABLE messages;
ALTER TABLE messages_by_number RENAME TO messages;
CREATE INDEX messages_of_thread ON messages (thread_id, position);
CREATE INDEX messages_of_turn ON messages (turn_id);
CREATE INDEX guest_texts ON messages (sent_at, position)
    WHERE direction = 'inbound' AND kind = 'text';
CREATE INDEX guest_texts_left ON messages (sent_at, thread_id)
    WHERE direction = 'inbound' AND kind = 'text' AND turn_id IS NULL;
CREATE INDEX host_texts ON messages (sent_at)
    WHERE direction = 'outbound' AND kind = 'text';
CREATE INDEX scheduled_texts ON messages (sent_at, position) WHERE scheduled;

ALTER TABLE queue_outbox ADD COLUMN known_to INTEGER;  -- messages.number before a press
ALTER TABLE queue_outbox ADD COLUMN named TEXT NOT NULL DEFAULT '[]';  -- JSON: ids and
-- uuids of the messages that the send's own answer has named
UPDATE queue_outbox SET known_to = (
    SELECT COALESCE(MAX(m.number), 0) FROM messages m
    WHERE m.id IN (SELECT value FROM json_each(known_ids))
) WHERE known_ids IS NOT NULL;
ALTER TABLE queue_outbox DROP COLUMN known_ids;
ALTER TABLE queue_outbox DROP COLUMN anchor_id;

ALTER TABLE threads ADD COLUMN row_names TEXT;  -- newest message, as its row names it
ALTER TABLE threads ADD COLUMN row_mark TEXT;   -- the row's mark, read or not
ALTER TABLE threads ADD COLUMN row_lacks TEXT;  -- what a row names and no page shows
ALTER TABLE threads ADD COLUMN trouble TEXT;    -- why it cannot be read, or not whole
ALTER TABLE threads ADD COLUMN trouble_since TEXT;
ALTER TABLE threads ADD COLUMN trouble_times INTEGER NOT NULL DEFAULT 0;
ALTER TABLE threads ADD COLUMN read_again_at TEXT;
ALTER TABLE threads ADD COLUMN looked_at TEXT;  -- a freshly loaded page, not whole
ALTER TABLE threads ADD COLUMN looked TEXT;     -- the ids that it showed, hashed
CREATE INDEX threads_in_trouble ON threads (trouble_since) WHERE trouble IS NOT NULL;

ALTER TABLE cycles ADD COLUMN failing_since TEXT;
ALTER TABLE cycles ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;  -- failed in a row
ALTER TABLE cycles ADD COLUMN next_try_at TEXT;  -- this job alone waits
"""

# Whether guests are answered: who ran when, and how the AI stands to us.
SEVENTH = """
CREATE TABLE runs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    mode TEXT NOT NULL CHECK (mode IN ('daemon', 'once')),
    version TEXT NOT NULL,
    settings TEXT NOT NULL,           -- the file that it read, in words
    started_at TEXT NOT NULL,
    ended_at TEXT                     -- null while it runs, and when it was killed
) STRICT;
CREATE TABLE ai (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    answered_at TEXT,                 -- its last answer, whichever way it came
    failing_since TEXT,
    kind TEXT CHECK (kind IN ('unreached', 'refusing', 'silent', 'unusable')),
    trouble TEXT,                     -- why it fails, in words
    next_try_at TEXT                  -- nobody is asked before
) STRICT;
INSERT INTO ai (one) VALUES (1);
ALTER TABLE cycles ADD COLUMN running_since TEXT;  -- null when it is over
ALTER TABLE session ADD COLUMN began_at TEXT;   -- the first run: older is the past
UPDATE session SET began_at = (SELECT MIN(seen_at) FROM messages);
ALTER TABLE turns ADD COLUMN old_ok INTEGER NOT NULL DEFAULT 0;
ALTER TABLE turns ADD COLUMN taken_as TEXT;     -- the shape of a 2xx that was no answer
ALTER TABLE turns ADD COLUMN silences INTEGER NOT NULL DEFAULT 0;  -- 2xx, and no answer
"""

# How answers come in, and that the webhook was crowded.
EIGHTH = """
ALTER TABLE queue_outbox ADD COLUMN door TEXT;  -- what it came in with
ALTER TABLE runs ADD COLUMN crowded_at TEXT;  -- all connections of the webhook taken
"""

MIGRATIONS: tuple[str, ...] = (
    FIRST,
    SECOND,
    THIRD,
    FOURTH,
    FIFTH,
    SIXTH,
    SEVENTH,
    EIGHTH,
)
VERSION = len(MIGRATIONS)

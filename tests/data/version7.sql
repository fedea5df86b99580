-- The tables as version 7 of airbot left them: sqlite3 airbot.db .dump
PRAGMA application_id = 1634300514;
PRAGMA user_version = 7;
BEGIN TRANSACTION;
CREATE TABLE ai (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    answered_at TEXT,                 -- its last answer, whichever way it came
    failing_since TEXT,
    kind TEXT CHECK (kind IN ('unreached', 'refusing', 'silent', 'unusable')),
    trouble TEXT,                     -- why it fails, in words
    next_try_at TEXT                  -- nobody is asked before
) STRICT;
INSERT INTO "ai" VALUES(1,'2026-11-22T10:27:03.120Z',NULL,NULL,NULL,NULL);
CREATE TABLE calls (
    id TEXT PRIMARY KEY,              -- webhook-id
    outbox_id TEXT REFERENCES queue_outbox(id) ON DELETE CASCADE,
    turn_id TEXT REFERENCES turns(id) ON DELETE CASCADE) STRICT;
CREATE TABLE cycles (
    job TEXT PRIMARY KEY,
    started_at TEXT NOT NULL,
    took_ms INTEGER NOT NULL,
    outcome TEXT NOT NULL
, failing_since TEXT, tries INTEGER NOT NULL DEFAULT 0, next_try_at TEXT, running_since TEXT) STRICT;
INSERT INTO "cycles" VALUES('sync','2026-11-22T10:27:03.120Z',34,'3 threads, 3 changed, 3 new messages',NULL,0,NULL,NULL);
CREATE TABLE "messages" (
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
INSERT INTO "messages" VALUES(1,'11','T1',NULL,0,'Maya','1','guest','inbound','text','Is parking free?','2026-11-22T10:27:03.120Z','2026-11-22T10:27:03.120Z',NULL,0);
INSERT INTO "messages" VALUES(2,'12','T1',NULL,1,'Tom','800','cohost','outbound','text','Yes.','2026-11-22T10:27:03.120Z','2026-11-22T10:27:03.120Z',NULL,0);
INSERT INTO "messages" VALUES(3,'21','T2','7cbe322c-be0c-4267-99dc-da12812ae4c0',0,'Maya','1','guest','inbound','text','Où êtes-vous ?
Is it ''far''; or near?','2026-11-22T10:27:03.120Z','2026-11-22T10:27:03.120Z',NULL,0);
INSERT INTO "messages" VALUES(4,'22','T2',NULL,1,'Airbnb','3','service','system','card',NULL,'2026-11-22T10:27:03.120Z','2026-11-22T10:27:03.120Z',NULL,0);
INSERT INTO "messages" VALUES(5,'31','T3','13881580-cf06-4937-bb41-02f927dc0ab2',0,'Maya','1','guest','inbound','text','Is parking free?','2026-11-22T10:27:03.120Z','2026-11-22T10:27:03.120Z',NULL,0);
CREATE TABLE queue_outbox (
    id TEXT PRIMARY KEY,
    thread_id TEXT NOT NULL,          -- may name a thread that was never read
    turn_id TEXT REFERENCES turns(id),
    message TEXT NOT NULL,
    sender TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'processing', 'sent', 'uncertain', 'failed', 'cancelled')),
    attempts INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    next_attempt_at TEXT,
    claimed_at TEXT,
    send_started_at TEXT,             -- the boundary: set and committed before the press
    processed_at TEXT,
    site_message_id TEXT,
    last_error TEXT,
    presses INTEGER NOT NULL DEFAULT 0,
    request TEXT,                     -- what became of the page's own send request
    first_absent_at TEXT,
    absent_readings INTEGER NOT NULL DEFAULT 0,
    parked INTEGER NOT NULL DEFAULT 0,
    old_ok INTEGER NOT NULL DEFAULT 0
, revision INTEGER NOT NULL DEFAULT 0, known_to INTEGER, named TEXT NOT NULL DEFAULT '[]') STRICT;
INSERT INTO "queue_outbox" VALUES('7565474a-b1fe-4dd3-842f-f36bb31af6d2','T1',NULL,'Bonjour','curl','sent',1,'2026-11-22T10:27:03.120Z',NULL,'2026-11-22T10:27:03.120Z','2026-11-22T10:27:03.120Z','2026-11-22T10:27:06.120Z','13',NULL,1,NULL,NULL,0,0,0,0,NULL,'[]');
INSERT INTO "queue_outbox" VALUES('5099460d-c27c-4250-abb1-92df054cf132','T2','7cbe322c-be0c-4267-99dc-da12812ae4c0','Near; it''s 5 min.','AI','pending',0,'2026-11-22T10:27:12.120Z',NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,0,0,0,0,NULL,'[]');
CREATE TABLE runs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    mode TEXT NOT NULL CHECK (mode IN ('daemon', 'once')),
    version TEXT NOT NULL,
    settings TEXT NOT NULL,           -- the file that it read, in words
    started_at TEXT NOT NULL,
    ended_at TEXT                     -- null while it runs, and when it was killed
) STRICT;
INSERT INTO "runs" VALUES(1,'daemon','0.2.0','/etc/airbot/config.ini','2026-11-22T10:00:00.000Z',NULL);
CREATE TABLE session (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    state TEXT NOT NULL CHECK (state IN ('ok', 'login', 'captcha', 'unavailable', 'unknown')),
    since TEXT NOT NULL,
    sentence TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    next_try_at TEXT,
    account_id TEXT,
    clock_offset_s REAL NOT NULL DEFAULT 0,   -- Airbnb's clock minus ours
    walk_finished INTEGER NOT NULL DEFAULT 0, -- was the last walk down the list whole?
    token_key TEXT NOT NULL                   -- makes the turns' callback tokens
, began_at TEXT) STRICT;
INSERT INTO "session" VALUES(1,'captcha','2026-11-22T10:27:03.120Z','Airbnb asks for a human',1,NULL,'900',0.0,0,'3e7f4989676aa93cf7a052ee51138483820857020d23471c94eb32096a58aa9b','2026-11-22T10:27:03.120Z');
CREATE TABLE threads (
    id TEXT PRIMARY KEY,              -- global id in base64, as in conversation_id
    title TEXT NOT NULL,
    own_role TEXT,                    -- our account's part in it
    hosted INTEGER NOT NULL,
    listing_id TEXT,
    stage TEXT,
    description TEXT,
    activity_at TEXT,
    seen_mark TEXT,                   -- newest message as the list showed it when read
    reason TEXT                       -- the last decision about it, in words
, row_names TEXT, row_mark TEXT, row_lacks TEXT, trouble TEXT, trouble_since TEXT, trouble_times INTEGER NOT NULL DEFAULT 0, read_again_at TEXT, looked_at TEXT, looked TEXT) STRICT;
INSERT INTO "threads" VALUES('T1','Maya','OWNER',1,'1200','CONFIRMED','3 nights','2026-11-22T10:27:03.120Z','m1','no unanswered guest text',NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "threads" VALUES('T2','Maya','OWNER',1,'1200','CONFIRMED','3 nights','2026-11-22T10:27:03.120Z','m2','new guest text',NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "threads" VALUES('T3','Maya','OWNER',1,'1200','CONFIRMED','3 nights','2026-11-22T10:27:03.120Z','m3','new guest text',NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL);
CREATE TABLE turns (
    id TEXT PRIMARY KEY,
    thread_id TEXT NOT NULL REFERENCES threads(id),
    status TEXT NOT NULL CHECK (status IN ('new', 'asked', 'answered', 'ignored', 'superseded', 'taken_over', 'expired', 'failed')),
    reason TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    supersedes INTEGER NOT NULL,      -- how many turns in a row it has replaced
    first_at TEXT NOT NULL,
    newest_at TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    refusals INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TEXT,
    asked_at TEXT,                    -- since when the AI has it; null when it has not
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL
, old_ok INTEGER NOT NULL DEFAULT 0, taken_as TEXT, silences INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO "turns" VALUES('7cbe322c-be0c-4267-99dc-da12812ae4c0','T2','answered','the AI answered','29b915d4f01b3ddcfb4cdc2e5af4d94797a05941ac1182ba6089eaf007be90c7',0,'2026-11-22T10:27:03.120Z','2026-11-22T10:27:03.120Z',1,0,'2026-11-22T10:32:03.120Z','2026-11-22T10:27:03.120Z','2026-11-22T10:27:03.120Z','2026-11-22T10:27:12.120Z',0,NULL,0);
INSERT INTO "turns" VALUES('13881580-cf06-4937-bb41-02f927dc0ab2','T3','new','new guest text','0953a30ccc6a914a64304d190a3583c1390728ad49491470b933d6115c35946d',0,'2026-11-22T10:27:03.120Z','2026-11-22T10:27:03.120Z',0,0,NULL,NULL,'2026-11-22T10:27:03.120Z','2026-11-22T10:27:03.120Z',0,NULL,0);
CREATE INDEX turns_of_thread ON turns (thread_id);
CREATE UNIQUE INDEX one_open_turn ON turns (thread_id) WHERE status IN ('new', 'asked');
CREATE INDEX outbox_by_status ON queue_outbox (status, created_at);
CREATE UNIQUE INDEX one_reply_a_turn ON queue_outbox (turn_id)
    WHERE turn_id IS NOT NULL;
CREATE UNIQUE INDEX one_proof_a_reply ON queue_outbox (site_message_id)
    WHERE site_message_id IS NOT NULL;
CREATE INDEX threads_by_activity ON threads (activity_at);
CREATE INDEX turns_by_status ON turns (status, changed_at);
CREATE INDEX outbox_by_press ON queue_outbox (send_started_at, thread_id)
    WHERE send_started_at IS NOT NULL;
CREATE INDEX outbox_of_thread ON queue_outbox (thread_id);
CREATE INDEX calls_of_reply ON calls (outbox_id);
CREATE INDEX calls_of_turn ON calls (turn_id);
CREATE INDEX messages_of_thread ON messages (thread_id, position);
CREATE INDEX messages_of_turn ON messages (turn_id);
CREATE INDEX guest_texts ON messages (sent_at, position)
    WHERE direction = 'inbound' AND kind = 'text';
CREATE INDEX guest_texts_left ON messages (sent_at, thread_id)
    WHERE direction = 'inbound' AND kind = 'text' AND turn_id IS NULL;
CREATE INDEX host_texts ON messages (sent_at)
    WHERE direction = 'outbound' AND kind = 'text';
CREATE INDEX scheduled_texts ON messages (sent_at, position) WHERE scheduled;
CREATE INDEX threads_in_trouble ON threads (trouble_since) WHERE trouble IS NOT NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('messages',5);
INSERT INTO "sqlite_sequence" VALUES('runs',1);
COMMIT;

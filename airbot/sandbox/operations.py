"""The operations of /api/v3 by their names (airbnb-web.md of 2026-11, section 3.2).

The fields of the two mutations' answers are made up, those of the reads attested.
"""

INBOX = "ViaductInboxData"
THREAD = "ViaductGetThreadAndDataQuery"
FILTERS = "FetchInboxFiltersConfig"
SEND = "CreateBulkMessagesMutation"
MARK_READ = "CreateLastMessageReadViaductMutation"

#: Where an answer's `data` has what was asked for.
FIELDS = {
    INBOX: "node",
    THREAD: "threadData",
    FILTERS: "viewer",
    SEND: "createBulkMessages",
    MARK_READ: "createLastMessageRead",
}
READS = (INBOX, THREAD)
MUTATIONS = (SEND, MARK_READ)

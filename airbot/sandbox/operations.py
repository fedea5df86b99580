"""The operations of /api/v3 by their names (airbnb-web.md of 2026-11, section 3.2)."""

INBOX = "ViaductInboxData"
THREAD = "ViaductGetThreadAndDataQuery"
FILTERS = "FetchInboxFiltersConfig"
SEND = "CreateBulkMessagesMutation"
MARK_READ = "CreateLastMessageReadViaductMutation"

OPERATIONS = (INBOX, THREAD, FILTERS, SEND, MARK_READ)
MUTATIONS = (SEND, MARK_READ)

// The page's requests to /api/v3 (airbnb-web.md 3.1 to 3.3), and what the page was given.

export const config = JSON.parse(
  document.getElementById("data-injector-instances").textContent);
export let switches = config.switches;

// of a conversation: its own switches go before those of all
export const troubleOf = (number) =>
  ({ ...switches.all, ...switches.threads[number] });

export class Failed extends Error {
  constructor(status, body) {
    super("status " + status);
    this.status = status;
    this.body = body;
  }
}

const random = () => Array.from(
  { length: 28 }, () => Math.floor(Math.random() * 36).toString(36)).join("");

function headers(write) {
  return {
    "content-type": "application/json",
    "x-airbnb-api-key": config.apiKey,
    "x-airbnb-graphql-platform": "web",
    "x-airbnb-graphql-platform-client": "minimalist-niobe",
    "x-airbnb-supports-airlock-v2": "true",
    "x-niobe-short-circuited": "true",
    "x-csrf-without-token": "1",
    "x-csrf-token": write ? "V4$.airbnb.com$" + random() : "",
    "x-client-request-id": random(),
    "x-airbnb-client-trace-id": random(),
  };
}

async function taken(response) {
  switches = JSON.parse(response.headers.get("x-sandbox-switches") || "null") || switches;
  const text = await response.text();
  let body = null;
  try {
    body = JSON.parse(text);
  } catch (error) {
    // HTML: a login or challenge page in place of data
  }
  if (!response.ok || body === null) throw new Failed(response.status, body);
  return body;
}

export async function query(operationName, variables) {
  const sha256Hash = config.hashes[operationName];
  const parameters = new URLSearchParams({
    operationName,
    locale: config.language,
    currency: "USD",
    variables: JSON.stringify(variables),
    extensions: JSON.stringify({ persistedQuery: { version: 1, sha256Hash } }),
  });
  const address = `/api/v3/${operationName}/${sha256Hash}?${parameters}`;
  return taken(await fetch(address, { headers: headers(false) }));
}

// the trouble "sends": a worker that a former visit has left does it
function byWorker(worker, address, init) {
  const { port1, port2 } = new MessageChannel();
  worker.postMessage({ address, init }, [port2]);
  return new Promise((resolve, reject) => {
    port1.onmessage = ({ data }) => {
      if (!data) return reject(new TypeError("Failed to fetch"));
      const [text, status, switches] = data;
      const headers = { "x-sandbox-switches": switches };
      return resolve(new Response(text, { status, headers }));
    };
  });
}

function write(address, init) {
  const worker = config.worker === "sends" && navigator.serviceWorker.controller;
  return worker ? byWorker(worker, address, init) : fetch(address, init);
}

export async function mutate(operationName, variables) {
  const sha256Hash = config.hashes[operationName];
  const extensions = { persistedQuery: { version: 1, sha256Hash } };
  const address = `/api/v3/${operationName}/${sha256Hash}`
    + `?operationName=${operationName}&locale=${config.language}&currency=USD`;
  const body = JSON.stringify({ operationName, variables, extensions });
  return taken(await write(address, { method: "POST", headers: headers(true), body }));
}

export const fetchList = (beforeCursor, unreadOnly) => query("ViaductInboxData", {
  userId: config.viewer,
  numRequestedThreads: config.pageSize,
  numPriorityThreads: 2,
  getPriorityInbox: true,
  useUserThreadTag: true,
  originType: "USER_INBOX",
  threadVisibility: "UNARCHIVED",
  threadTagFilters: unreadOnly ? [{ userThreadTagName: "unread" }] : [],
  priorityThreadTagFilters: [{ userThreadTagName: "priority" }],
  query: null,
  getLastReads: false,
  getThreadState: false,
  getParticipants: true,
  getInboxFields: true,
  getInboxOnlyFields: true,
  getMessageFields: true,
  getThreadOnlyFields: false,
  skipOldMessagePreviewFields: false,
  ...(beforeCursor ? { beforeCursor } : {}),
});

export const fetchThread = (number) => query("ViaductGetThreadAndDataQuery", {
  globalThreadId: btoa("MessageThread:" + number),
  numRequestedMessages: 50,
  getThreadState: true,
  getParticipants: true,
  mockThreadIdentifier: null,
  mockMessageTestIdentifier: null,
  mockListFooterSlot: null,
  getLastReads: false,
  forceUgcTranslation: false,
  isNovaLite: false,
  forceReturnAllReadReceipts: false,
  originType: "USER_INBOX",
  getInboxFields: true,
  getInboxOnlyFields: false,
  getMessageFields: true,
  getThreadOnlyFields: true,
  skipOldMessagePreviewFields: false,
});

export const sendText = (number, body, uniqueIdentifier) =>
  mutate("CreateBulkMessagesMutation", {
    messageThreadId: number,
    actAs: "PARTICIPANT",
    businessJustification: { feature: "USER_INBOX" },
    originType: "USER_INBOX",
    senderPlatform: "WEB",
    skipOldMessagePreviewFields: false,
    messages: [{
      content: { textContent: { body } },
      uniqueIdentifier,
      loggingSource: { sourceType: "", sourceId: "" },
      loggingExtras: { entries: [] },
    }],
  });

export const markRead = (number) =>
  mutate("CreateLastMessageReadViaductMutation", { request: { threadId: number } });

export const numberOf = (globalId) => atob(globalId).split(":")[1];

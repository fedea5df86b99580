// The page: the list at the left, which thread is open, and the poll. The thread itself
// is in thread.js. Markup of the list: airbnb-web.md 4.1.
import { config, fetchList, numberOf, query, switches } from "./api.js";
import { element, named, textOf, whatCanBeDrawn } from "./dom.js";
import { moment } from "./interrupt.js";
import { listTime, words } from "./labels.js";
import { openThread, shownThread, showNothing, threadChanged } from "./thread.js";

const EXTRA_WORDS = " · Robot Captcha Villa, please verify suspicious login";
const panel = document.getElementById("inbox_panel");
const unreadOnly = new URLSearchParams(location.search).has("unread");
const nodes = new Map(); // by thread number
let pageInfo = null;
let current = (location.pathname.match(/^\/hosting\/messages\/(\d+)/) || [])[1] || null;
let drawn = "";
let loading = false;

const address = (number) =>
  "/hosting/messages/" + number + (unreadOnly ? "?unread=" : "");

function itemsOf(answer) {
  const data = answer.data || {};
  const older = data.viewer?.messagingInbox?.threads;
  return older || data.node.messagingInbox.inboxItems;
}

async function load(cursor) {
  const items = itemsOf(await fetchList(cursor, unreadOnly));
  if (!cursor && unreadOnly) nodes.clear();
  for (const edge of items.edges) {
    if (edge?.node?.id) nodes.set(numberOf(edge.node.id), edge.node);
  }
  if (cursor || !pageInfo) pageInfo = items.pageInfo;
}

const hasTag = (node, name) =>
  node.userThreadTags.some((tag) => tag.userThreadTagName === name);
const activity = (node) => Number(node.mostRecentInboxActivityAtMsFromROS);
const inOrder = () =>
  [...nodes.entries()].sort((a, b) => activity(b[1]) - activity(a[1]));

function preview(node) {
  const message = node.messages.edges[0]?.node;
  if (!message) return "";
  const { accountId, accountType } = message.account;
  const text = message.contentPreview.content;
  if (accountType !== "USER") return words.service + text;
  if (accountId === config.accountId) return words.you + text;
  const writer = node.participants.edges
    .map((edge) => edge?.node).find((person) => person?.accountId === accountId);
  const ofTeam = writer?.participantRole === "CO_HOST";
  return (ofTeam ? writer.enrichedParticipantInfo.name + ": " : "") + text;
}

function row([number, node], index) {
  const name = textOf(node.inboxTitle) + (config.extraWords ? " (not a robot)" : "");
  const about = textOf(node.inboxDescription) + (config.extraWords ? EXTRA_WORDS : "");
  const text = preview(node);
  const cut = text.length > 50 ? text.slice(0, 50) + "..." : text;
  const at = Number(node.messages.edges[0]?.node.createdAtMs || activity(node));
  const unread = hasTag(node, "unread");
  const selected = number === current;
  const status = words.status(about.split("\u2009·\u2009")[0]);
  const label = (unread ? words.unread : "")
    + words.row(name, listTime(at, true), cut, status);
  const id = named("list", "inbox_list_" + number);
  const link = element("a", {
    "data-item-index": index,
    "tabindex": selected ? 0 : -1,
    "href": "#",
    "data-testid": id,
  }, element("span", {}, label));
  link.addEventListener("click", (event) => {
    event.preventDefault();
    select(number);
  });
  const avatar = element("div", {
    "class": "avatar", "aria-hidden": "true", "data-testid": "thread-preview-avatar",
  }, name.slice(0, 1));
  const lines = element("div", { "class": "row-text", "aria-hidden": "true" },
    element("p", { "class": "name" },
      element("span", {}, name), element("small", {}, listTime(at, false))),
    element("span", { "class": "hidden-label" }, name),
    element("p", {}, text),
    element("p", {}, about));
  const body = element("div", { "aria-hidden": "false", "class": "row-body" },
    avatar, lines);
  return element("div", {
    "aria-current": selected ? "true" : null,
    "data-listrow": named("list", "") ? null : "true",
    "class": unread ? "unread" : null,
  }, element("div", { id }, link, body));
}

function draw() {
  const entries = inOrder().filter(([, node]) => !unreadOnly || hasTag(node, "unread"));
  const state = JSON.stringify([entries, current, switches, pageInfo?.hasNextPage]);
  if (state === drawn) return;
  drawn = state;
  panel.setAttribute("data-testid", named("panels", "orbital-panel-inbox"));
  const list = element("div", {
    "id": named("list", "list_inbox"),
    "role": "group",
    "aria-label": words.list,
    "data-listroot": named("list", "") ? null : "true",
  }, ...whatCanBeDrawn(entries, row));
  const last = pageInfo?.hasNextPage
    ? element("div", { "class": "loader", "data-testid": "inbox-list-loader" }, "…")
    : element("div", { "role": "group", "aria-label": words.end });
  panel.replaceChildren(
    element("h1", { id: "inbox_header", "data-testid": "inbox-panel-toolbar-heading" },
      words.heading),
    element("div", { "class": "tabs" },
      ...words.tabs.map((tab) => element("span", {}, tab))),
    element("div", { "data-testid": named("panels", "inbox-container-marker") },
      list, last));
}

async function loadMore() {
  const end = panel.scrollHeight - panel.scrollTop - panel.clientHeight;
  if (loading || !pageInfo?.hasNextPage || end > 200) return;
  loading = true;
  try {
    await load(pageInfo.endCursor);
    draw();
  } catch (error) {
    // the next scroll tries again
  } finally {
    loading = false;
  }
}

function select(number, replace = false) {
  current = number;
  const how = replace ? "replaceState" : "pushState";
  history[how]({}, "", address(number));
  draw();
  openThread(number, refresh);
}

async function refresh() {
  try {
    await load(null);
    draw();
  } catch (error) {
    if (!drawn) panel.replaceChildren(element("p", { role: "alert" }, words.broken));
  }
}

// a bare address opens the newest thread
function openNewest() {
  const newest = inOrder()[0];
  if (newest) select(newest[0], true);
  else if (pageInfo) showNothing(words.choose);
}

async function poll() {
  await refresh();
  if (current === null) openNewest();
  const node = nodes.get(current);
  if (node && shownThread() === current) await threadChanged(node, refresh);
  setTimeout(poll, config.pollMs);
}

window.addEventListener("popstate", () => {
  const found = location.pathname.match(/^\/hosting\/messages\/(\d+)/);
  if (found) {
    current = found[1];
    draw();
    openThread(current, refresh);
  }
});
panel.addEventListener("scroll", loadMore);

if (config.extraWords) {
  document.title += " · verify, captcha, robot, suspicious, Log in, Security check";
}
if (config.hangs) {
  window.addEventListener("load", () => setTimeout(() => { while (true) {} }, 300));
}
if (config.greedy) {
  const kept = [];
  setInterval(() => kept.push(new Uint8Array(8e6).fill(1)), 20);
}
if (config.worker) {
  navigator.serviceWorker.register("/static/worker.js?kind=" + config.worker, { scope: "/" })
    .catch(() => null); // a browser that allows none
}
moment("load", "");
await Promise.all([
  refresh(),
  query("FetchInboxFiltersConfig", {}).catch(() => null),
  current === null ? null : openThread(current, refresh),
]);
if (current === null) openNewest();
setTimeout(poll, config.pollMs);

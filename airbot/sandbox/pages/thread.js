// The open thread: its header and its messages (airbnb-web.md 4.2).
import { config, fetchThread, markRead, troubleOf } from "./api.js";
import { Composer } from "./composer.js";
import { element, named, textOf, whatCanBeDrawn } from "./dom.js";
import { moment } from "./interrupt.js";
import { clock, day, when, words } from "./labels.js";

const panel = document.getElementById("thread_panel");
const drafts = new Map(); // what was typed in a thread and not sent
let open = null; // { number, composer, list, scroller, notice, seen }

export const shownThread = () => open && open.number;

export function showNothing(words) {
  panel.setAttribute("data-testid", named("panels", "orbital-panel-thread"));
  panel.replaceChildren(element("p", { "class": "empty" }, words));
}

// A message's writer and times can change without a new message: edited, unsent
const stateOf = (node) => {
  const message = node.messageData.messages.at(-1);
  return [message?.id, message?.updatedAtMs, node.mostRecentInboxActivityAtMsFromROS]
    .join(" ");
};

export async function openThread(number, refreshList) {
  if (open?.composer) drafts.set(open.number, open.composer.text());
  open = { number, composer: null, list: null, seen: null };
  showNothing("");
  await reload(number, refreshList);
}

// called by the poll with the thread's row: reads the thread again when it moved
export async function threadChanged(node, refreshList) {
  if (open && open.seen !== stateOf(node)) await reload(open.number, refreshList);
}

async function read(number) {
  const first = await fetchThread(number);
  const node = first.data?.threadData;
  if (!node || node.messageData.messages.length) return node;
  // the first answer of a page load can carry no messages; another follows
  return (await fetchThread(number)).data?.threadData;
}

export async function reload(number, refreshList) {
  let node = null;
  try {
    node = await read(number);
  } catch (error) {
    if (open.number === number && !open.list) showNothing(words.broken);
    return;
  }
  if (open.number !== number) return;
  if (!node) {
    showNothing("");
    return;
  }
  if (!open.list) frame(node, refreshList);
  draw(node);
  if (open.seen === stateOf(node)) return;
  open.seen = stateOf(node);
  markRead(number).then(refreshList).catch(() => null);
}

function frame(node, refreshList) {
  const number = open.number;
  const title = textOf(node.inboxTitle);
  const header = element("div", {
    "class": "thread-head", "data-testid": "messaging-thread-header",
  },
    element("span", { "class": "avatar" }, title.slice(0, 1)),
    element("div", {},
      element("h2", { "data-testid": "thread-header-title" }, title),
      element("small", {}, textOf(node.inboxDescription))));
  open.list = element("div", {
    "class": "messages", "data-testid": named("messages", "message-list"),
  });
  open.scroller = element("div", {
    "class": "scroller", "data-testid": "message-thread-container",
  }, element("div", { "data-testid": "message-thread-item-list-container" }, open.list));
  open.notice = element("div", { "aria-live": "assertive" });
  panel.replaceChildren(header, open.scroller, open.notice);
  moment("load", number);
  const { composer, composerAfterMs } = troubleOf(number);
  if (composer === "none") {
    panel.append(element("p", { "class": "closed" }, words.closed));
  } else if (composerAfterMs) {
    const framed = open;
    setTimeout(() => open === framed && addComposer(refreshList), composerAfterMs);
  } else {
    addComposer(refreshList);
  }
}

function addComposer(refreshList) {
  const { number } = open;
  open.composer = new Composer(number, {
    draft: drafts.get(number) || "",
    sending: addBubble,
    sent: () => reload(number, refreshList).then(refreshList),
    notice: (...lines) => showNotice(number, lines),
    rebuilt: (other) => { open.composer = other; },
  });
  drafts.delete(number);
  panel.append(open.composer.element);
}

function showNotice(number, lines) {
  if (open.number !== number) return;
  const notice = element("div", { "class": "notice", "role": "alert" },
    ...lines.map((line) => element("p", {}, line)));
  open.notice.replaceChildren(...(lines.length ? [notice] : []));
}

// the message that is on its way; its id is no number yet
function addBubble(identifier, text) {
  const bubble = element("div", {
    "class": "item own pending", "role": "group", "tabindex": "-1",
    "data-item-id": identifier, "aria-label": `${text.replaceAll("\n", ".")}. ${words.sending}`,
  }, element("div", { "class": "wrap" },
    content(text), element("span", { "class": "meta" }, words.sending)));
  open.list.append(bubble);
  open.scroller.scrollTop = open.scroller.scrollHeight;
  return bubble;
}

function content(text) {
  const made = element("div", { "data-name": "message-content-wrapper" });
  text.split("\n").forEach((line, index) => {
    if (index) made.append(element("br"));
    made.append(line);
  });
  return made;
}

function draw(node) {
  const bubbles = [...open.list.children]
    .filter((item) => item.classList.contains("pending"));
  const people = new Map(node.participants.edges
    .map((edge) => [edge?.node?.accountId, edge?.node]));
  const messages = node.messageData.messages.filter(Boolean);
  const items = whatCanBeDrawn(messages, (message, index) => item(message, people, {
    before: messages[index - 1], last: index === messages.length - 1,
  }));
  const start = element("div", {
    "data-item-id": "-1", "tabindex": "-1", "role": "none", "aria-label": words.start,
  });
  open.list.replaceChildren(start, ...items, ...bubbles);
  open.scroller.scrollTop = open.scroller.scrollHeight;
}

// what stands in the message: [text for the label, element, kind]
function shownContent(message) {
  if (message.isSoftDelete) return [words.unsent, content(words.unsent), "unsent"];
  const { contentType, content: hydrated } = message.hydratedContent || {};
  if (contentType === "TEXT" || contentType === "BULLETIN") {
    const body = hydrated?.body || "";
    return [body.replaceAll("\n", "."), content(body), contentType];
  }
  if (contentType === "MEDIA") {
    return [words.photo, content("[" + words.photo + "]"), "MEDIA"];
  }
  const { actionHeader, tombstoneHeader } = hydrated?.headerV2 || {};
  const body = element("div", {
    "class": "card-body", "data-testid": "html-rich-text-container",
  }, (actionHeader || tombstoneHeader)?.title.body || "");
  return [words.noText, body, "CARD"];
}

function item(message, people, { before, last }) {
  const at = Number(message.createdAtMs);
  const { accountId, accountType } = message.account;
  const person = people.get(accountId);
  const own = accountId === config.accountId;
  const system = accountType !== "USER";
  const name = person?.enrichedParticipantInfo?.name || "Airbnb user";
  const role = person?.roleDescription || "Host";
  const newDay = !before || day(Number(before.createdAtMs)) !== day(at);
  const newRun = newDay || before.account.accountId !== accountId;
  const [text, body, kind] = shownContent(message);
  const says = system ? words.says(text) : words.sent(`\u2068${name}\u2069`, text);
  const label = (last ? words.newest : "") + (newDay ? day(at) + ". " : "")
    + says + ". " + words.sentAt(when(at)) + (message.editedAtMs ? words.edited : "")
    + (message.reactionSummary.reactionCounts.length ? words.reactions : "");
  const wrapper = element("div", {
    "class": "wrap", "data-testid": "MessageOuterRegistryWrapperSpacingProps",
  });
  const meta = element("span", { "class": "meta" });
  if (newRun && !own && !system) {
    meta.append(element("button", { "aria-label": words.sentBy(name, role, clock(at)) },
      `${name} · ${role}`), " ");
  }
  meta.append(element("span", { "aria-hidden": "true" }, clock(at)));
  wrapper.append(meta, body);
  if (kind === "TEXT") {
    wrapper.append(
      element("button", { "class": "menu", "data-testid": "menu-button-reactions",
        "aria-label": "Reactions menu" }),
      element("button", { "class": "menu", "data-testid": "menu-button-actions",
        "aria-label": "More actions" }));
  }
  const made = element("div", {
    "class": "item" + (own ? " own" : "") + (system ? " system" : ""),
    "role": "group",
    "tabindex": "-1",
    "data-item-id": named("messages", atob(message.id).split(":")[1]),
    "data-islastmessage": String(last),
    "data-is-message-faded": "false",
    "aria-label": label,
  });
  if (newDay) made.append(element("h3", { tabindex: "-1", role: "heading" }, day(at)));
  made.append(wrapper);
  return made;
}

// The guest's page: type, and watch the thread. Its own invention, nothing of Airbnb's.
"use strict";

const address = "/guest/" + document.body.dataset.number;
const messages = document.getElementById("messages");
const form = document.getElementById("form");
const text = document.getElementById("text");
let shown = "";

function item(message) {
  const outer = document.createElement("div");
  outer.className = "item " + { me: "own", note: "system" }[message.side];
  outer.dataset.id = message.id;
  const wrap = outer.appendChild(document.createElement("div"));
  wrap.className = "wrap";
  const meta = wrap.appendChild(document.createElement("span"));
  meta.className = "meta";
  const time = new Date(message.at_ms).toLocaleTimeString([], { timeStyle: "short" });
  meta.textContent = (message.side === "them" ? message.name + " · " : "") + time;
  const body = wrap.appendChild(document.createElement("div"));
  body.dataset.name = "message-content-wrapper";
  body.textContent = message.text;
  return outer;
}

async function refresh() {
  try {
    const answer = await fetch(address + "/messages");
    const rows = (await answer.json()).messages;
    const state = JSON.stringify(rows);
    if (state === shown) return;
    shown = state;
    messages.replaceChildren(...rows.map(item));
    messages.parentElement.scrollTop = messages.parentElement.scrollHeight;
  } catch (error) {
    // the site was stopped: the next round tries again
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = new URLSearchParams({ text: text.value });
  if (!text.value.trim()) return;
  text.value = "";
  grow();
  await fetch(address, { method: "POST", body });
  await refresh();
});

// as high as what is in it; the style sheet sets the limit
function grow() {
  text.style.height = "auto";
  text.style.height = text.scrollHeight + "px";
}

text.addEventListener("input", grow);
text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});

setInterval(refresh, 1000);
refresh();

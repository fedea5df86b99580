// What comes over the page, or between it and who types: `Interruption` of trouble.py.
import { switches, troubleOf } from "./api.js";
import { element } from "./dom.js";
import { words } from "./labels.js";

const came = new Set(); // in this page load: conversations, "" for the site's own
let typing = null;

// the site knows of it before the page goes on
function tell(what, body = "") {
  const request = new XMLHttpRequest();
  request.open("POST", "/_sandbox/" + what, false);
  request.send(JSON.stringify(body));
  return JSON.parse(request.responseText);
}

function buttons(what, close) {
  return what.buttons.map((label, index) => {
    const made = element("button", {
      "type": "button", "class": index ? "quiet" : "primary", "autofocus": index ? null : "",
    }, label);
    made.addEventListener("click", () => {
      tell("pressed", label);
      close();
    });
    return made;
  });
}

const news = () => [element("h2", {}, words.news), element("p", {}, words.newsWhy)];

function dialog(what) {
  const made = element("dialog", { "class": "news", "aria-label": words.news });
  made.append(...news(), ...buttons(what, () => made.close()));
  made.addEventListener("cancel", () => tell("pressed", "Escape"));
  made.addEventListener("close", () => made.remove());
  document.body.append(made);
  made.showModal();
  return made;
}

// not in the top layer; it keeps the focus in itself by hand, as focus traps do
function overlay(what) {
  const box = element("div", {
    "class": "news", "role": "dialog", "aria-modal": "true", "aria-label": words.news,
  });
  const made = element("div", { "class": "backdrop" }, box);
  box.append(...news(), ...buttons(what, () => made.remove()));
  const first = box.querySelector("button");
  document.addEventListener("focusin", (event) => {
    if (made.isConnected && !made.contains(event.target)) first.focus();
  });
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    tell("pressed", "Escape");
    made.remove();
  });
  document.body.append(made);
  first.focus();
  return made;
}

function coachmark(what) {
  const made = element("div", { "class": "coachmark", "popover": "manual" });
  made.append(element("p", {}, words.news), ...buttons(what, () => made.remove()));
  document.body.append(made);
  made.showPopover();
  made.querySelector("button").focus();
  return made;
}

// over the composer's right end; all of it can be clicked
function toast(what) {
  const made = element("div", { "class": "toast", "role": "status" });
  made.append(...buttons(what, () => made.remove()));
  made.firstChild.removeAttribute("autofocus");
  document.body.append(made);
  return made;
}

function search() {
  const made = element("input", { "type": "search", "aria-label": words.search });
  document.querySelector("header").append(made);
  made.focus();
  return made;
}

function rebuild(what, composer) {
  composer?.rebuild(what.keepsText);
  return null;
}

const kinds = { dialog, overlay, coachmark, toast, search, rebuild };

function come(what, number, composer) {
  if (!tell("interrupt?thread=" + number).comes) return false;
  const made = kinds[what.kind](what, composer);
  if (made && what.lastsMs) setTimeout(() => made.remove(), what.lastsMs);
  return true;
}

// `when` has come in a conversation, or with "" on the page: does something come now?
export function moment(when, number, composer = null) {
  const what = troubleOf(number).interruption;
  const whose = switches.threads[number]?.interruption ? number : "";
  if (what?.when !== when || came.has(whose)) return false;
  if (when === "typing" && composer.text().length < what.afterChars) return false;
  const now = () => {
    came.add(whose);
    return come(what, number, composer);
  };
  if (when === "typed") clearTimeout(typing);
  else if (!what.afterMs) return now();
  else came.add(whose);
  typing = setTimeout(now, what.afterMs);
  return false;
}

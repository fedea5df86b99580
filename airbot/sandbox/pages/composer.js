// The composer (airbnb-web.md 4.3): three forms of the field, the button, the send.
import { Failed, sendText, switches, troubleOf } from "./api.js";
import { element, named } from "./dom.js";
import { moment } from "./interrupt.js";
import { words } from "./labels.js";

// The test id stands on the field, or ("wrapped") on an element around it.
function makeField(form) {
  const testid = named("composer", "messaging-composebar");
  const gone = testid !== "messaging-composebar";
  if (form === "textarea") {
    const field = element("textarea", {
      "id": gone ? "field" : "message_input",
      "class": "editor",
      "data-testid": testid,
      "placeholder": words.write,
      "rows": 1,
    });
    return [field, element("div", { "class": "box" }, field)];
  }
  const wrapped = form === "wrapped";
  const field = element("div", {
    "class": "editor",
    "contenteditable": "plaintext-only",
    "role": gone ? null : "textbox",
    "aria-multiline": "true",
    "aria-label": words.write,
    "data-placeholder": words.write,
    "data-testid": wrapped ? null : testid,
  });
  const box = { "class": "box", "data-testid": wrapped ? testid : null };
  return [field, element("div", box, field)];
}

// a second one with the same test id, "before" or "after" the one that shows
function boxes(form, shown, hiddenBox) {
  if (!hiddenBox) return [shown];
  const [, hidden] = makeField(form);
  hidden.hidden = true;
  return hiddenBox === "before" ? [hidden, shown] : [shown, hidden];
}

const isRefusal = (body) =>
  body?.errors?.find((error) => error.extensions?.errorType === "contact_info");

export class Composer {
  // what: { draft, sending(identifier, text), sent(), notice(...lines), rebuilt(other) }
  constructor(number, what) {
    this.number = number;
    this.what = what;
    this.pressed = false;
    const { composer, hiddenBox } = troubleOf(number);
    const [field, box] = makeField(composer);
    this.field = field;
    this.button = element("button", {
      "type": "button",
      "data-testid": named("send_button", "messaging_compose_bar_send_button"),
      "aria-label": words.send,
    }, "➤");
    this.element = element("div", { "class": "composer" },
      ...boxes(composer, box, hiddenBox), this.button);
    this.field.addEventListener("input", () => {
      this.update();
      moment("typing", number, this);
      moment("typed", number, this);
    });
    this.field.addEventListener("keydown", (event) => this.key(event));
    this.button.addEventListener("click", () => this.press());
    this.put(what.draft);
  }

  text() {
    const field = this.field;
    if (field.tagName === "TEXTAREA") return field.value;
    // an empty last line needs one more newline to be seen: not the writer's
    return field.innerText.replace(/\n$/, "");
  }

  put(text) {
    if (this.field.tagName === "TEXTAREA") this.field.value = text;
    else this.field.textContent = text + (text.endsWith("\n") ? "\n" : "");
    this.update();
  }

  sendable() {
    const refuses = troubleOf(this.number).sendDisabledFor;
    const text = this.text();
    return text.trim() && !(refuses && new RegExp(refuses).test(text));
  }

  update() {
    this.button.disabled = !this.sendable();
    // what is left of an emptied field would hide the placeholder
    if (this.field.innerText === "\n") this.field.textContent = "";
  }

  // Enter sends, Shift+Enter is a new line
  key(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.press();
  }

  async press() {
    if (this.pressed || !this.sendable() || moment("press", this.number, this)) return;
    this.pressed = true;
    try {
      const known = await (await fetch("/_sandbox/switches?thread=" + this.number)).json();
      if (known.swallowsPress) return; // the trouble "no_request"
    } finally {
      this.pressed = false;
    }
    await this.send(this.text());
  }

  rebuild(keepsText) {
    const draft = keepsText ? this.text() : "";
    const other = new Composer(this.number, { ...this.what, draft });
    this.element.replaceWith(other.element);
    this.what.rebuilt(other);
  }

  async send(text) {
    const identifier = crypto.randomUUID();
    this.what.notice();
    this.put("");
    const bubble = this.what.sending(identifier, text);
    try {
      const body = await sendText(this.number, text, identifier);
      if (body.errors) throw new Failed(200, body);
      if (!body.data.createBulkMessages) return;
      bubble.classList.remove("pending"); // the next drawing replaces it
      await this.what.sent();
    } catch (error) {
      this.failed(text, error);
    } finally {
      bubble.remove();
    }
  }

  failed(text, error) {
    if (!this.text().trim()) this.put(text);
    const refusal = isRefusal(error.body);
    if (refusal) {
      this.what.notice(words.refused, words.refusedWhy, ...refusal.extensions.terms);
    } else {
      this.what.notice(words.failed);
    }
    const redirect = error.body?.redirect;
    if (redirect && switches.sendChallenge) this.challenge(redirect);
  }

  // a send that is answered by a challenge: the page shows it
  async challenge(redirect) {
    const kind = switches.sendChallenge;
    if (kind === "airlock_401" || kind === "airlock_420") return;
    if (kind === "airlock_page") {
      location.assign(redirect);
      return;
    }
    const fragment = await (await fetch("/_sandbox/challenge/" + kind)).text();
    document.body.insertAdjacentHTML("beforeend", fragment);
  }
}

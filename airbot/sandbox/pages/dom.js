// Small helpers for building elements, and the redesigns that take test ids away.
import { switches } from "./api.js";

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

// markup_gone: the name as it is, or another one after the redesign of its part
export function named(part, name) {
  const gone = switches.markupGone === part || switches.markupGone === "all";
  return gone ? "v9-" + name.replaceAll("_", "").replaceAll("-", "") : name;
}

// what the page cannot make sense of is left out, as an error boundary does
export const whatCanBeDrawn = (values, draw) => values.flatMap((value, index) => {
  try {
    return [draw(value, index)];
  } catch (error) {
    return [];
  }
});

export const textOf = (standardText) =>
  (standardText?.components || []).map((component) => component.text).join("");

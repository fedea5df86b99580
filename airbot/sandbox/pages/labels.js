// Every word the page shows, and how it writes times. The French is not attested.
import { config } from "./api.js";

const EN = {
  heading: "Messages",
  list: "List of Conversations",
  end: "End of Inbox data",
  tabs: ["All", "Hosting", "Traveling", "Support"],
  row: (name, time, preview, about) =>
    `Read Conversation with ${name}. Last message sent ${time} is: ${preview}. ${about}`,
  status: (status) => `Booking status is ${status}.`,
  unread: "Unread. ",
  you: "You: ",
  service: "Airbnb: ",
  start: "Start of Conversation",
  sent: (name, text) => `${name} sent ${text}`,
  noText: "message but description not available",
  says: (text) => `Airbnb service says ${text}`,
  sentAt: (when) => `Sent ${when}`,
  newest: "Most Recent Message. ",
  edited: ". Edited",
  reactions: ". Has Reactions",
  sentBy: (name, role, time) =>
    `Sent by ${name} · ${role} at ${time}. Tap to go to User Profile`,
  unsent: "This message was unsent",
  photo: "Photo",
  today: "Today",
  yesterday: "Yesterday",
  write: "Write a message...",
  send: "Send",
  sending: "Sending...",
  failed: "Your message couldn't be sent. Try again.",
  refused: "We can't send your message yet",
  refusedWhy: "Links and contact info can't be shared. "
    + "Please remove the info below before sending:",
  choose: "Select a conversation",
  news: "A new way to reply",
  newsWhy: "Answers can be written for you. You can change this at any time.",
  search: "Search messages",
  closed: "You can no longer write in this conversation.",
  broken: "Something went wrong. Please try again.",
};

const FR = {
  heading: "Messages",
  list: "Liste des conversations",
  end: "Fin de la boîte de réception",
  tabs: ["Tous", "Accueil", "Voyage", "Assistance"],
  row: (name, time, preview, about) =>
    `Lire la conversation avec ${name}. Dernier message envoyé ${time} : ${preview}. ${about}`,
  status: (status) => `Statut de la réservation : ${status}.`,
  unread: "Non lu. ",
  you: "Vous : ",
  service: "Airbnb : ",
  start: "Début de la conversation",
  sent: (name, text) => `${name} a envoyé ${text}`,
  noText: "un message mais la description n'est pas disponible",
  says: (text) => `Le service Airbnb dit ${text}`,
  sentAt: (when) => `Envoyé ${when}`,
  newest: "Message le plus récent. ",
  edited: ". Modifié",
  reactions: ". A des réactions",
  sentBy: (name, role, time) =>
    `Envoyé par ${name} · ${role} à ${time}. Appuyez pour accéder au profil`,
  unsent: "Ce message a été annulé",
  photo: "Photo",
  today: "Aujourd'hui",
  yesterday: "Hier",
  write: "Écrivez un message...",
  send: "Envoyer",
  sending: "Envoi...",
  failed: "Votre message n'a pas pu être envoyé. Réessayez.",
  refused: "Nous ne pouvons pas encore envoyer votre message",
  refusedWhy: "Les liens et les coordonnées ne peuvent pas être partagés. "
    + "Veuillez supprimer les informations ci-dessous avant l'envoi :",
  choose: "Choisissez une conversation",
  news: "Une nouvelle façon de répondre",
  newsWhy: "Vos réponses peuvent être rédigées pour vous. Vous pouvez changer d'avis.",
  search: "Rechercher dans les messages",
  closed: "Vous ne pouvez plus écrire dans cette conversation.",
  broken: "Une erreur est survenue. Veuillez réessayer.",
};

const english = config.language !== "fr";
export const words = english ? EN : FR;
const locale = english ? "en-US" : "fr-FR";

export function clock(ms, upper = false) {
  const text = new Date(ms).toLocaleTimeString(locale, { timeStyle: "short" })
    .replace("\u202f", " ");
  return upper ? text : text.toLowerCase();
}

export function day(ms) {
  const then = new Date(ms);
  const now = new Date();
  if (then.toDateString() === now.toDateString()) return words.today;
  const before = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  if (then.toDateString() === before.toDateString()) return words.yesterday;
  const year = then.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return then.toLocaleDateString(locale, { month: "short", day: "numeric", year });
}

// "Today, 3:51 pm", but "Feb 22, 10:47 PM"
export function when(ms) {
  const name = day(ms);
  const near = name === words.today || name === words.yesterday;
  return `${name}, ${clock(ms, !near)}`;
}

// in the list: a time for today, a day for the rest
export const listTime = (ms, upper) =>
  day(ms) === words.today ? clock(ms, upper) : day(ms);

// The pages' own script: a fresh token on each request, views, problems as sentences, Jira's theme.

const TOKEN_MS = 10_000; // how long Jira may take to answer with a token
const NOBODY = "urn:tandem:problem:not-authorised"; // why, a refusal does not say
const DOWNLOAD_MS = 60_000; // how long a browser may take to ask where a file goes
const QUIET_MS = 2_500; // how long the counts must rest before they are read out
const LOCALE_MS = 2_000; // how long Jira may take to name its user's language
const AGAIN_MS = 3_000; // after how long a part that could not load is asked for again, at first
const AGAIN_MOST_MS = 60_000; // and at most: each time the wait is twice as long

const page = document.getElementById("page");
const view = document.getElementById("view");
const news = document.getElementById("news");
const bridge = window.AP;
const words = news.dataset; // the sentences of this script, in the reader's language

// What a person has under way, from the click to the answer: what polls keeps still meanwhile.
const underWay = new Set();
const shown = new Map(); // what polls, by id: as last swapped in
let pollFailed = false;
let unanswered = 0; // polls in a row that nobody answered

/** A fresh context token from Jira; it is never kept. */
function contextToken() {
  return new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error("no token")), TOKEN_MS);
    bridge.context.getToken(resolve);
  });
}

/** The languages of the person, the one of Jira first; null where Jira names none. */
const languages = new Promise((resolve) => {
  if (!bridge?.user?.getLocale) return resolve(null);
  setTimeout(() => resolve(null), LOCALE_MS);
  bridge.user.getLocale((locale) => resolve(locale ? [String(locale).replaceAll("_", "-"), ...navigator.languages].join(", ") : null));
});

/** Have the page speak Jira's language, where it came in another: it is loaded before Jira says. */
async function translate() {
  const asked = await languages;
  const page = document.documentElement;
  if (!asked || asked.split("-")[0].toLowerCase() === page.lang) return;
  const headers = { Authorization: `JWT ${await contextToken()}`, "Accept-Language": asked };
  const answer = await fetch("/pages/parts/frame", { headers });
  if (!answer.ok) return;
  const frame = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (frame.documentElement.lang === page.lang) return;
  page.lang = frame.documentElement.lang;
  Object.assign(words, frame.getElementById("news").dataset);
  for (const one of frame.querySelectorAll("nav button, [data-frame]")) {
    const here = document.getElementById(one.id);
    if (!here) continue;
    if (one.ariaLabel) here.ariaLabel = one.ariaLabel;
    else here.textContent = one.textContent;
  }
  // What came with the page: the first view, or the part that asks by itself.
  const first = document.getElementById("opener") ? null : document.querySelector("nav [aria-current=page]");
  if (first) first.click();
  else for (const part of document.querySelectorAll("main > [data-poll]")) htmx.trigger(part, "tandem:again");
}

/** Say a sentence in the nearest place made for it; an empty one takes it away. */
function tell(element, sentence) {
  const near = element.closest("[data-says]")?.querySelector("[role=alert]");
  const place = near ?? document.getElementById("problem");
  if (place.textContent !== sentence) place.textContent = sentence;
  place.hidden = !sentence;
}

/** Who asked. `detail.elt` may be the target, or an ancestor of one that was swapped away. */
function asker(event) {
  return event.detail.requestConfig.elt;
}

/** Whether an element asks by itself, every so often: its part of the page is its own. */
function isPoll(element) {
  return element.matches("[data-poll]");
}

/** Whether a swap now would take something from under the person's hands or eyes. */
function mustKeepStill(element) {
  const selection = getSelection();
  const reading = !selection.isCollapsed && element.contains(selection.anchorNode);
  const typing = document.activeElement.matches("input, select, textarea") && element.contains(document.activeElement);
  return document.hidden || underWay.size > 0 || reading || typing;
}

/** A select that was set back to its prompt asks for nothing; what hangs on it empties too. */
function emptyDependents(select) {
  const next = select.dataset.then && document.querySelector(select.dataset.then);
  if (!next) return;
  next.replaceChildren(new Option(next.dataset.prompt, ""));
  emptyDependents(next);
}

// The buttons and forms whose press has no answer yet, with what was pressed. `by`: the event; `sent`: the
// request under way and the place for its answer; `queued`: it waits behind another one.
const asking = new Map();

// Each request waits for its token.
document.addEventListener("htmx:confirm", async (event) => {
  const { elt, issueRequest, triggeringEvent: by } = event.detail;
  event.preventDefault();
  if (isPoll(elt) && shown.has(elt.id) && mustKeepStill(elt)) return;
  if (elt.matches("select[data-then]")) {
    emptyDependents(elt);
    if (!elt.value) return;
  }
  const before = asking.get(elt);
  if (before && before.by !== by && !before.queued) return; // pressed twice, it is one
  const button = elt.matches("form") ? by?.submitter : elt;
  const pressed = button?.matches("button[id]") ? { ...pressedNow(button), by } : null;
  if (pressed) asking.set(elt, pressed);
  const waiting = Symbol("waits for a token");
  if (!isPoll(elt)) underWay.add(waiting);
  try {
    [elt.tandemToken, elt.tandemLanguages] = await Promise.all([contextToken(), languages]);
    if (pressed && asking.get(elt) !== pressed) return; // its like was pressed in its place
    issueRequest(true);
    if (!pressed || pressed.sent) return;
    pressed.queued = /:queue/.test(elt.closest("[hx-sync]")?.getAttribute("hx-sync"));
    if (!pressed.queued) asking.delete(elt);
  } catch {
    if (pressed && asking.get(elt) !== pressed) return;
    asking.delete(elt);
    tell(elt, words.silent);
    endOpening();
    htmx.trigger(elt, "tandem:silent");
    askAgain(elt);
  } finally {
    underWay.delete(waiting);
  }
});

document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers.Authorization = `JWT ${event.detail.elt.tandemToken}`;
  delete event.detail.elt.tandemToken;
  if (event.detail.elt.tandemLanguages) event.detail.headers["Accept-Language"] = event.detail.elt.tandemLanguages;
});

document.addEventListener("htmx:beforeSend", (event) => {
  const { xhr, target } = event.detail;
  const elt = asker(event);
  if (isPoll(elt)) return;
  underWay.add(xhr);
  const pressed = asking.get(elt);
  if (pressed) pressed.sent = { xhr, target };
  // htmx tells nobody of the end of a request whose asker was swapped away meanwhile.
  xhr.addEventListener("loadend", () => {
    underWay.delete(xhr);
    if (asking.get(elt) === pressed) asking.delete(elt);
  });
});
document.addEventListener("htmx:validation:halted", (event) => asking.delete(event.detail.elt));

// htmx sends nothing for what a swap took away before its turn came, and shows no answer whose place it
// took away: what only reads is asked for once more.
document.addEventListener("htmx:afterSettle", (event) => {
  for (const [elt, pressed] of asking) {
    const { sent, reads } = pressed;
    const lost = sent ? reads && !sent.target.isConnected && sent.xhr !== event.detail.xhr : !elt.isConnected;
    if (!lost) continue;
    asking.delete(elt);
    // Once what was typed is put back.
    queueMicrotask(() => inItsPlace(pressed)?.click());
  }
});

document.addEventListener("htmx:beforeSwap", (event) => {
  const { target, xhr } = event.detail;
  if (!isPoll(target)) return;
  if (xhr.status === 204 && !shown.has(target.id)) shown.set(target.id, ""); // what came with the page is as it should be
  if (xhr.status !== 200) return;
  const old = shown.get(target.id);
  const still = underWay.size > 0 && old !== undefined;
  if (isPoll(asker(event)) && (still || xhr.responseText === old)) event.detail.shouldSwap = false;
  else shown.set(target.id, xhr.responseText);
  if (event.detail.shouldSwap) opened = [...target.querySelectorAll("details[open][id]")].map((one) => one.id);
});

let opened = []; // what a person had opened in what is swapped now: it stays open
document.addEventListener("htmx:afterSwap", () => {
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  opened = [];
});

document.addEventListener("htmx:afterRequest", (event) => {
  const { successful, xhr } = event.detail;
  const elt = asker(event);
  if (isPoll(elt)) return tellOfPoll(elt, successful, xhr);
  if (!underWay.delete(xhr)) return; // told again for a form that took itself away
  if (xhr.tandemSaid) return; // another script of the page has said it in its own place
  if (!successful) {
    const { sentence, field } = sentenceOf(xhr);
    tell(elt, sentence);
    endOpening();
    markWrong(elt, field);
    if (isAway(xhr)) askAgain(elt);
    return;
  }
  waits.delete(elt);
  tell(elt, "");
  if (elt.matches("form")) finish(elt);
});

/** One poll alone may be unanswered: a frame that is being left, or a connection just let go. */
function tellOfPoll(elt, successful, xhr) {
  unanswered = xhr.status ? 0 : unanswered + 1;
  if (unanswered > 1) tell(elt, words.away);
  else if (successful ? pollFailed : xhr.status) tell(elt, successful ? "" : sentenceOf(xhr).sentence);
  pollFailed = !successful;
}

const waits = new WeakMap(); // how long a part that loads by itself waited before it was asked for again

/** Whether Tandem itself gave no answer, or could not: its database or its web server is away. */
function isAway({ status, responseText }) {
  return status === 0 || status === 503 || ([502, 504].includes(status) && !responseText.startsWith("{"));
}

/** What a press is about, or null: to know its like in what a swap brings in its place. */
function pressedNow(target) {
  const elt = target.closest?.("button[id], summary[id]");
  return elt ? { elt, id: elt.id, asks: asks(elt), reads: onlyReads(elt) } : null;
}
function onlyReads(elt) {
  return !elt.hasAttribute("hx-post") && elt.type !== "submit";
}
/** What an element asks for when pressed; where that writes, with what the person saw and filled in. */
function asks(elt) {
  const form = elt.closest("form");
  const given = [elt, form].map((one) => ["hx-get", "hx-post", "hx-vals"].map((name) => one?.getAttribute(name)));
  if (onlyReads(elt)) return JSON.stringify(given);
  return JSON.stringify([given, elt.textContent.trim(), ...(form ? new FormData(form) : [])]);
}
/** What came in the place of what was pressed, where it asks for the same. */
function inItsPlace({ id, asks: asked }) {
  const now = document.getElementById(id);
  return now && asks(now) === asked ? now : null;
}

// A browser tells no click on what a swap took away between press and release, and none on what came
// in its place.
let down = null;
document.addEventListener("pointerdown", (event) => {
  down = event.button === 0 ? pressedNow(event.target) : null;
}, true);
document.addEventListener("pointerup", (event) => {
  const was = down;
  down = null;
  if (!was || was.elt.isConnected) return;
  const now = inItsPlace(was);
  if (now?.contains(event.target)) now.click();
}, true);

/** A part that loads by itself has no button to try again with: it does so by itself too. */
function askAgain(elt) {
  const loads = () => elt.isConnected && elt.matches("[hx-trigger*='tandem:again']");
  if (!loads()) return;
  const wait = Math.min(waits.has(elt) ? 2 * waits.get(elt) : AGAIN_MS, AGAIN_MOST_MS);
  waits.set(elt, wait);
  setTimeout(() => loads() && htmx.trigger(elt, "tandem:again"), wait);
}

/** A form that was accepted goes away, empties for the next, or keeps what it was asked about. */
function finish(form) {
  if (form.matches("[data-keep]")) return;
  if (!form.matches("[data-close]")) return form.reset();
  form.remove();
  announce(form.dataset.close);
  (document.getElementById("new") ?? document.getElementById("view-title"))?.focus();
}

/** What an answer says is wrong: a sentence for people, and the field at fault if one is. */
function sentenceOf(xhr) {
  try {
    const { type, detail, field } = JSON.parse(xhr.responseText);
    if (type === NOBODY) return { sentence: words.session };
    const bare = field && detail.startsWith(`${field}: `) ? detail.slice(field.length + 2) : detail;
    return { sentence: bare.charAt(0).toUpperCase() + bare.slice(1), field };
  } catch {
    return { sentence: words.failed };
  }
}

/** Mark the control of a field that was refused, in the asker's own form before any other. */
function markWrong(elt, field) {
  const named = field && `[name="${CSS.escape(field.replace(".", "_"))}"]`;
  const input = named && (elt.closest("[data-says]")?.querySelector(named) ?? document.querySelector(named));
  if (!input) return;
  input.setAttribute("aria-invalid", "true");
  input.focus();
  input.addEventListener("input", () => input.removeAttribute("aria-invalid"), { once: true });
}

// A view takes the focus at its title, a form that opened at its first control: it may be far from
// the button that opened it.
document.addEventListener("htmx:afterSettle", (event) => {
  const { target } = event;
  if (target === view) entered(event.detail.requestConfig?.elt);
  if (target.id === "panel") target.querySelector("select, input, button")?.focus();
  if (target.matches?.("[data-focuses]")) target.querySelector("[tabindex='-1']")?.focus(); // far from its button
  if (target.id === "overview") announceCounts();
  target.querySelector("[data-takes-focus]")?.focus();
  arrive();
});

// What a link led to takes the focus when it is there, unless the person began something meanwhile.
let arriving = document.getElementById("opener")?.dataset.focusAt;
function arrive() {
  const wanted = arriving && document.getElementById(arriving);
  if (!wanted) return;
  arriving = undefined;
  wanted.focus();
}
for (const began of ["keydown", "pointerdown"]) document.addEventListener(began, () => (arriving = undefined));

/** What a link led to could not be opened: the sentence is at the top of the page, and no more. */
function endOpening() {
  document.getElementById("opening")?.remove();
}

let focusThen; // the id of what takes the focus in the view that was asked for

/** A view was swapped in. */
function entered(elt) {
  document.getElementById("opener")?.removeAttribute("hx-trigger"); // the person is somewhere by now
  // A view that something else than its button led to says its own name.
  const own = document.getElementById(`view-${document.getElementById("view-title")?.dataset.view}`);
  const button = elt?.closest("nav") ? elt : own;
  if (button) {
    for (const one of button.closest("nav").children) one.toggleAttribute("aria-current", false);
    button.setAttribute("aria-current", "page");
  }
  for (const id of shown.keys()) if (!document.getElementById(id)) shown.delete(id);
  const wanted = focusThen && document.getElementById(focusThen);
  focusThen = undefined;
  (wanted || document.getElementById("view-title"))?.focus();
}

/** Have a screen reader say it. */
function announce(sentence) {
  news.textContent = sentence;
}

let counts = new Map();
let resting;
/** What is to be read out: of a profile by its id, else by the words alone. */
function countsNow() {
  const said = [...document.querySelectorAll("#overview [data-words]")];
  return new Map(said.map(({ dataset }) => [dataset.profile ?? dataset.words, dataset.words]));
}
/** Counts are read out once they rest: not each of a hundred steps, nor a list of what was not shown before. */
function announceCounts() {
  clearTimeout(resting);
  resting = setTimeout(() => {
    const now = countsNow();
    const other = [...now].filter(([of, words]) => counts.get(of) !== words && (counts.has(of) || of === words));
    if (other.length) announce(other.map(([, words]) => words).join(". "));
    counts = now;
  }, QUIET_MS);
}

/** Copy by the clipboard, or by a selection where the frame may not use it. */
async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.value ?? source.textContent);
  } catch {
    if (source.select) source.select();
    else getSelection().selectAllChildren(source);
    if (!document.execCommand("copy")) return announce(words.byHand);
  }
  button.textContent = words.copied;
  announce(words.copied);
}

/** Have the browser keep a text as a file: the page's own address cannot give it without a token. */
function download(button) {
  const { value } = document.getElementById(button.dataset.download);
  const address = URL.createObjectURL(new Blob([value], { type: "application/yaml" }));
  const link = Object.assign(document.createElement("a"), { href: address, download: button.dataset.name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), DOWNLOAD_MS);
  announce(words.downloads);
}

/** Put the focus on what a button names; `data-view`: the view that has it, where it is not here. */
function focusOn(button) {
  const wanted = document.getElementById(button.dataset.focus);
  if (wanted) return wanted.focus();
  focusThen = button.dataset.focus;
  document.getElementById(`view-${button.dataset.view}`)?.click();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.copy) copy(button);
  if (button?.dataset.download) download(button);
  if (button?.dataset.focus) focusOn(button);
  if (button?.dataset.empties) {
    const { empties, back } = button.dataset;
    document.getElementById(empties).replaceChildren();
    (document.getElementById(back) ?? document.getElementById("view-title"))?.focus();
  }
  if (button?.matches("[data-dismiss]")) {
    document.getElementById("panel").replaceChildren();
    (document.getElementById("new") ?? document.getElementById("view-title"))?.focus();
  }
});

if (bridge) {
  // The frame is as tall as the page, so that Jira scrolls and the page does not.
  let height = 0;
  new ResizeObserver(() => {
    if (page.offsetHeight === height) return;
    height = page.offsetHeight;
    bridge.resize("100%", `${height}px`);
  }).observe(page);
  bridge.theming?.initializeTheming();
  translate().catch(() => {}); // then it goes on in the language that it came in
  counts = countsNow();
} else {
  tell(page, words.reload);
}

// The page's own script: a fresh token on each request, problems as sentences, Jira's theme.

const TOKEN_MS = 10_000; // how long Jira may take to answer with a token
const QUIET_MS = 2_500; // how long the counts must rest before they are read out

const AWAY =
  "Tandem does not answer. Nothing is lost: Jira sends again what it could not deliver, and searches find the rest. " +
  "This page goes on by itself; if it stays so, whoever runs Tandem should look whether its web server runs.";

const page = document.getElementById("page");
const overview = document.getElementById("overview");
const panel = document.getElementById("panel");
const news = document.getElementById("news");
const bridge = window.AP;

// What a person has under way, from the click to the answer: the overview keeps still meanwhile.
const underWay = new Set();
let shown = ""; // the overview as last swapped in
let pollFailed = false;
let unanswered = 0; // polls in a row that nobody answered

/** A fresh context token from Jira; it is never kept. */
function contextToken() {
  return new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error("no token")), TOKEN_MS);
    bridge.context.getToken(resolve);
  });
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

function isPoll(element) {
  return element === overview;
}

/** Whether a swap now would take something from under the person's hands or eyes. */
function mustKeepStill() {
  const selection = getSelection();
  const reading = !selection.isCollapsed && overview.contains(selection.anchorNode);
  return document.hidden || underWay.size > 0 || reading;
}

/** A select that was set back to its prompt asks for nothing; what hangs on it empties too. */
function emptyDependents(select) {
  const next = document.querySelector(select.dataset.then);
  if (!next) return;
  next.replaceChildren(new Option(next.dataset.prompt, ""));
  emptyDependents(next);
}

// Each request waits for its token.
document.addEventListener("htmx:confirm", async (event) => {
  const { elt, issueRequest } = event.detail;
  event.preventDefault();
  if (isPoll(elt) && mustKeepStill()) return;
  if (elt.matches("select")) {
    emptyDependents(elt);
    if (!elt.value) return;
  }
  const waiting = Symbol("waits for a token");
  if (!isPoll(elt)) underWay.add(waiting);
  try {
    elt.tandemToken = await contextToken();
    issueRequest(true);
  } catch {
    tell(elt, "Jira did not answer this page. Reload it, and try again.");
  } finally {
    underWay.delete(waiting);
  }
});

document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers.Authorization = `JWT ${event.detail.elt.tandemToken}`;
  delete event.detail.elt.tandemToken;
});

document.addEventListener("htmx:beforeSend", (event) => {
  if (!isPoll(asker(event))) underWay.add(event.detail.xhr);
});

document.addEventListener("htmx:beforeSwap", (event) => {
  const { target, xhr } = event.detail;
  if (target !== overview || xhr.status !== 200) return;
  if (isPoll(asker(event)) && (underWay.size > 0 || xhr.responseText === shown)) event.detail.shouldSwap = false;
  else shown = xhr.responseText;
});

document.addEventListener("htmx:afterRequest", (event) => {
  const { successful, xhr } = event.detail;
  const elt = asker(event);
  if (isPoll(elt)) {
    unanswered = xhr.status ? 0 : unanswered + 1;
    // One alone may be a frame that is being left, or a connection that was just let go.
    if (unanswered > 1) tell(elt, AWAY);
    else if (successful ? pollFailed : xhr.status) tell(elt, successful ? "" : sentenceOf(xhr).sentence);
    pollFailed = !successful;
    return;
  }
  if (!underWay.delete(xhr)) return; // told again for a form that took itself away
  if (!successful) {
    const { sentence, field } = sentenceOf(xhr);
    tell(elt, sentence);
    markWrong(field);
    return;
  }
  tell(elt, "");
  if (elt.matches("form")) finish(elt);
});

/** A form that was accepted goes away, empties for the next, or keeps what it was asked about. */
function finish(form) {
  if (form.matches("[data-keep]")) return;
  if (!form.matches("[data-close]")) return form.reset();
  form.remove();
  announce(form.dataset.close);
  document.getElementById("new").focus();
}

/** What an answer says is wrong: a sentence for people, and the field at fault if one is. */
function sentenceOf(xhr) {
  try {
    const { detail, field } = JSON.parse(xhr.responseText);
    const bare = field && detail.startsWith(`${field}: `) ? detail.slice(field.length + 2) : detail;
    return { sentence: bare.charAt(0).toUpperCase() + bare.slice(1), field };
  } catch {
    return { sentence: "Tandem did not answer. Try again in a moment." };
  }
}

function markWrong(field) {
  const input = field && document.querySelector(`[name="${CSS.escape(field.replace(".", "_"))}"]`);
  if (!input) return;
  input.setAttribute("aria-invalid", "true");
  input.focus();
  input.addEventListener("input", () => input.removeAttribute("aria-invalid"), { once: true });
}

// A form that opened takes the focus: it may be far from the button that opened it.
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target === panel) panel.querySelector("select, input, button")?.focus();
  if (event.target === overview) announceCounts();
});

/** Have a screen reader say it. */
function announce(words) {
  news.textContent = words;
}

let counts = "";
let resting;
function countsNow() {
  return [...overview.querySelectorAll("[data-words]")].map((row) => row.dataset.words).join(". ");
}
/** Counts are read out once they rest: not each of a hundred steps. */
function announceCounts() {
  clearTimeout(resting);
  resting = setTimeout(() => {
    const now = countsNow();
    if (now !== counts) announce(now);
    counts = now;
  }, QUIET_MS);
}

/** Suggest a name from the two projects, until the person gives one of his own. */
function suggestName() {
  const name = document.getElementById("name");
  if (!name || name.dataset.own) return;
  const chosen = ["left_project", "right_project"].map(
    (id) => document.getElementById(id).selectedOptions[0]?.dataset.name,
  );
  name.value = chosen.every(Boolean) ? chosen.join(" ↔ ") : "";
}

document.addEventListener("change", (event) => {
  if (event.target.closest("#new-profile select")) suggestName();
});
document.addEventListener("input", (event) => {
  if (event.target.id === "name") event.target.dataset.own = event.target.value ? "yes" : "";
});

/** Copy by the clipboard, or by a selection where the frame may not use it. */
async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
  } catch {
    getSelection().selectAllChildren(source);
    if (!document.execCommand("copy")) return announce("Copy the marked code by hand.");
  }
  button.textContent = "Copied";
  announce("Copied");
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.copy) copy(button);
  if (button?.dataset.focus) document.getElementById(button.dataset.focus).focus();
  if (button?.matches("[data-dismiss]")) {
    panel.replaceChildren();
    document.getElementById("new").focus();
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
  counts = countsNow();
} else {
  tell(page, "Jira's bridge did not load, so nothing here can work. Open Tandem again from Jira's Apps menu.");
}

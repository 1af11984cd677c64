// The editor's own script: what is typed and chosen there outlives a token that is refused, a server
// that is away, and a swap of the page under it. A control saves itself where it has an id, a name
// and an hx-post of its own, on `change`.

const AGAIN_MS = 10_000; // how often what failed is sent again by itself
const VERSION = "Tandem-Draft-Version";
const CONTROLS = "#editor-step :is(input, select, textarea)";

let draft = null; // the draft that is shown
let version = null; // of it, as the newest answer named it
// What is not known to be saved, by the control's id. `value`: what it holds; `sent`: that by name,
// as it is sent; `flying`: its request is under way; `failed`: it may work later.
const held = new Map();
const flights = new WeakMap(); // the entry of held that a request carries, by who asked
let busy = null; // the entry of held whose control is being saved
let changed = null; // the request that was refused because another tab was faster

const at = (id) => document.getElementById(id);
const saves = (elt) => elt.matches?.(CONTROLS) && elt.id && elt.hasAttribute("hx-post");
/** Which entry a request belongs to: a control's own, or that of a button that sends it again. */
const keyOf = (elt) => (saves(elt) ? elt.id : elt.dataset?.held);

/** What a control holds, and whether that is not what the server gave. */
function read(elt) {
  if (elt.matches("select")) return [...elt.selectedOptions].map((one) => one.value);
  return elt.matches("[type=checkbox], [type=radio]") ? elt.checked : elt.value;
}
function isDirty(elt) {
  if (elt.matches("select")) return [...elt.options].some((one) => one.selected !== one.defaultSelected);
  return elt.matches("[type=checkbox], [type=radio]") ? elt.checked !== elt.defaultChecked : elt.value !== elt.defaultValue;
}
function write(elt, value) {
  if (elt.matches("select")) {
    const there = [...elt.options].filter((one) => value.includes(one.value));
    if (there.length < value.length) return false;
    for (const one of elt.options) one.selected = value.includes(one.value);
  } else if (elt.matches("[type=checkbox], [type=radio]")) elt.checked = value;
  else elt.value = value;
  return true;
}

/** Mark the controls that are not saved, and say so once for all of them. */
function show() {
  setTimeout(goOn);
  const bar = at("editor-unsaved");
  if (!bar) return;
  for (const mark of document.querySelectorAll("#editor-step .unsaved-mark")) {
    if (!held.get(mark.dataset.of)?.failed) mark.remove();
  }
  for (const [id, one] of held) {
    const elt = at(id);
    if (!one.failed || !elt || at(`${id}-unsaved`)) continue;
    const mark = document.createElement("span");
    mark.className = "unsaved-mark lozenge waiting";
    mark.id = `${id}-unsaved`;
    mark.dataset.of = id;
    mark.textContent = bar.dataset.mark;
    elt.after(mark);
  }
  const any = [...held.values()].some((one) => one.failed);
  const words = any ? bar.dataset.away : "";
  if (bar.hidden === any) bar.hidden = !any;
  if (bar.firstElementChild.textContent !== words) bar.firstElementChild.textContent = words;
}

/** Send again what failed: by its control, or where that is not on the page any more without it. */
function sendAgain() {
  for (const [id, one] of held) {
    if (!one.failed || one.flying) continue;
    const elt = at(id);
    const its = elt?.getAttribute("hx-post") === one.path && (same(read(elt), one.value) || write(elt, one.value));
    if (its) htmx.trigger(elt, "change");
    else if (at("editor-unsaved")) sendWithout(id, one);
  }
}
function sendWithout(id, one) {
  const button = document.createElement("button");
  button.hidden = true;
  button.type = "button";
  button.dataset.held = id;
  button.setAttribute("hx-post", one.path);
  button.setAttribute("hx-swap", "none");
  button.setAttribute("hx-vals", JSON.stringify(one.sent));
  at("editor-unsaved").append(button);
  htmx.process(button);
  button.click();
}

// Before the page's own script: it asks for a token, which may not come.
document.addEventListener("htmx:confirm", (event) => {
  const { elt } = event.detail;
  if (!saves(elt)) return waitForSaves(event, elt);
  const failed = held.get(elt.id)?.failed ?? false;
  // One at a time: each has to name the version that the one before it made. A save of the same
  // control that waits for its token takes the newest value along; one that was swapped away
  // meanwhile is never sent.
  const before = busy && !busy.flying && !busy.elt.isConnected ? null : busy;
  const taken = before?.id === elt.id && !before.flying;
  const by = taken ? before.by : event.detail.triggeringEvent;
  held.set(elt.id, { id: elt.id, path: elt.getAttribute("hx-post"), elt, by, value: read(elt), sent: alone(elt), flying: false, failed });
  if (!before || taken) busy = held.get(elt.id);
  // htmx asks once more where it had queued the request behind another.
  if (!before || (taken && by === event.detail.triggeringEvent)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);


/** A button waits for the saves that are under way: what it shows or does is to know of them. */
let waiting = null;
const isUnderWay = () => [...held.values()].some((one) => !one.failed);
function waitForSaves(event, elt) {
  if (!elt.matches("#editor button, #editor-close") || elt.dataset.held || !isUnderWay()) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  waiting = elt;
}
function goOn() {
  if (!waiting || isUnderWay()) return;
  const elt = at(waiting.id) ?? waiting;
  waiting = null;
  elt.click();
}

function alone(elt) {
  if (elt.matches("[type=checkbox], [type=radio]") && !elt.checked) return {};
  return { [elt.name]: elt.matches("select") ? read(elt) : elt.value };
}

document.addEventListener("tandem:silent", (event) => {
  const one = held.get(keyOf(event.target));
  if (!one) return;
  if (busy === one) busy = null;
  fail(one);
});

document.addEventListener("htmx:configRequest", (event) => {
  const { elt, verb, path, parameters } = event.detail;
  if (!path.startsWith("/pages/drafts/") || verb === "get") return;
  const one = held.get(keyOf(elt));
  if (one) {
    one.flying = true;
    flights.set(elt, one);
    if (!elt.dataset.held) {
      one.sent = pairs(event.detail.formData);
      one.value = read(elt);
    }
  }
  if (version !== null) parameters.version = version;
});
function pairs(formData) {
  const found = {};
  for (const name of new Set(formData.keys())) {
    const all = formData.getAll(name);
    if (name !== "version") found[name] = all.length > 1 ? all : all[0];
  }
  return found;
}

/** Note the version that an answer names; says whether a save has overtaken it. */
function overtaken({ xhr, requestConfig }) {
  const told = xhr.getResponseHeader(VERSION);
  if (told === null) return false;
  const late = requestConfig.path.startsWith(`/pages/drafts/${draft}/`) && Number(told) < Number(version);
  if (!late) version = told;
  return late;
}
document.addEventListener("htmx:beforeOnLoad", (event) => overtaken(event.detail));
// A step that was asked for before the save would take back from the page what was saved. Who asked
// may be gone from it: this event is told by the target.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { target } = event.detail;
  if (overtaken(event.detail) && target.id === "editor-step") event.detail.shouldSwap = false;
});

// An answer to a step that was left still brings its bar: it would name that step as the one shown.
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target, fragment } = event.detail;
  if (target.id !== "editor-steps") return;
  const [shown, told] = [target, fragment].map((bar) => bar.querySelector("[aria-current]")?.getAttribute("hx-get"));
  if (told !== shown) event.detail.shouldSwap = false;
});

// Before the page's own script, which would say of a token out of time what only machines need.
document.addEventListener("htmx:afterRequest", (event) => answered(event.detail, event.detail.successful), true);
// htmx tells nobody of the end of a request whose asker was swapped away meanwhile.
document.addEventListener("htmx:beforeSend", (event) => {
  const { xhr, requestConfig } = event.detail;
  xhr.addEventListener("loadend", () => {
    if (ended.has(xhr)) return;
    overtaken({ xhr, requestConfig });
    answered({ xhr, requestConfig }, xhr.status >= 200 && xhr.status < 400);
  });
});
const ended = new WeakSet(); // the requests whose end was told
function answered({ xhr, requestConfig }, successful) {
  ended.add(xhr);
  const { elt } = requestConfig;
  const one = flights.get(elt);
  const newest = one && held.get(one.id) === one; // nothing was chosen there since
  if (one) one.flying = false;
  if (one && busy === one) busy = null;
  setTimeout(next);
  if (elt.dataset.held) elt.remove();
  if (successful) {
    if (newest) held.delete(one.id);
    if (elt.dataset.held) showSaved(one);
    setTimeout(sendAgain);
    return show();
  }
  if (xhr.status === 409 && isChanged(xhr)) {
    xhr.tandemSaid = true;
    if (newest) held.delete(one.id); // it stays on the page
    waiting = null;
    return tellChanged(elt, xhr);
  }
  if (!newest) return;
  if (mayWorkLater(xhr)) {
    xhr.tandemSaid = true;
    return fail(one);
  }
  held.delete(one.id); // refused: the page says why, and what was typed stays on it
  show();
}
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const mayWorkLater = (xhr) => [0, 401, 408, 425, 429].includes(xhr.status) || xhr.status >= 500;

let again = null;
function fail(one) {
  one.failed = true;
  again ??= setInterval(() => {
    if ([...held.values()].some((other) => other.failed)) return sendAgain();
    clearInterval(again);
    again = null;
  }, AGAIN_MS);
  show();
}

/** What was saved without its control is shown by it, where it came back meanwhile. */
function showSaved(one) {
  const elt = at(one.id);
  if (elt?.getAttribute("hx-post") !== one.path || same(read(elt), one.value)) return;
  if (write(elt, one.value)) htmx.trigger(elt, "change");
}

function isChanged(xhr) {
  try {
    return JSON.parse(xhr.responseText).type.endsWith(":draft-changed");
  } catch {
    return false;
  }
}
function tellChanged(elt, xhr) {
  changed = elt;
  const bar = at("editor-changed");
  bar.firstElementChild.textContent = JSON.parse(xhr.responseText).detail;
  bar.hidden = false;
}

// A swap under a person's hands: what he typed and nobody saved is put back.
let typed = [];
let asked = null;
document.addEventListener("htmx:beforeSwap", (event) => {
  if (!event.detail.target.closest("#editor-step")) return;
  asked = event.detail.requestConfig.elt;
  typed = [...document.querySelectorAll(CONTROLS)]
    .filter((elt) => elt.id && isDirty(elt) && !isAnswered(elt))
    .map((elt) => ({ id: elt.id, value: read(elt), start: elt.selectionStart, focused: elt === document.activeElement }));
});
/** Whether the answer is about what a control holds: not where more was typed since it was sent. */
function isAnswered(elt) {
  if (elt !== asked) return asked.contains(elt);
  const one = flights.get(elt);
  return !one || same(read(elt), one.value);
}
document.addEventListener("htmx:afterSettle", () => {
  const editor = at("editor");
  if (editor?.dataset.draft !== draft) {
    draft = editor?.dataset.draft ?? draft;
    changed = null;
  }
  for (const { id, value, start, focused } of typed) {
    const elt = at(id);
    if (!elt || same(read(elt), value) || !write(elt, value)) continue;
    if (focused && start !== null && elt.setSelectionRange) elt.setSelectionRange(start, start);
    // Leaving it would tell of no change: for the browser a script wrote it.
    if (saves(elt) && !held.has(elt.id)) htmx.trigger(elt, "change");
  }
  typed = [];
  for (const place of document.querySelectorAll("#editor-step [data-checks]")) {
    at(place.dataset.checks)?.setAttribute("aria-invalid", String(Boolean(place.querySelector(".problem"))));
  }
  next();
  show();
});

/** Send what waits, one after another. */
function next() {
  if (busy && !busy.flying && !busy.elt.isConnected) busy = null; // it was swapped away, unsent
  for (const one of [...held.values()]) {
    if (one.failed && !one.elt.isConnected) putBack(one);
    if (!one.failed && !one.flying && !busy) putBack(one);
  }
}

/** Of a control that waits, or was swapped away unsent, or whose sending failed. */
function putBack(one) {
  const elt = at(one.id);
  if (elt?.getAttribute("hx-post") !== one.path) {
    if (!one.failed) setTimeout(sendAgain);
    return fail(one);
  }
  one.elt = elt;
  if (!write(elt, one.value)) held.delete(one.id); // there is no such choice any more
  else if (!one.failed) htmx.trigger(elt, "change");
}

document.addEventListener("click", (event) => {
  if (event.target.id === "editor-retry") sendAgain();
  if (event.target.id !== "editor-mine" || !changed) return;
  // The answer that refused it has named the version that is there.
  at("editor-changed").hidden = true;
  const elt = at(changed.id) ?? changed;
  if (elt.matches("input, select, textarea")) htmx.trigger(elt, "change");
  else elt.click();
});
addEventListener("online", sendAgain);
addEventListener("beforeunload", (event) => {
  if ([...held.values()].some((one) => one.failed)) event.preventDefault();
});

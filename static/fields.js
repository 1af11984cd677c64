// The Fields step's own script: it finds fields as one types, and keeps the sample values of an issue
// in memory, which the server neither keeps nor is asked for again.

const at = (id) => document.getElementById(id);

let wanted = ""; // what is looked for
let held = { of: null, sides: {} }; // the sample: {side: {about, fields: {id: raw}, said: {id: text}}}
let asked = null; // which draft's samples were asked for
const open = new Set(); // the ids of the details that are open

/** Show the rows that have the text that is looked for, and those with a choice that is made. */
function find() {
  const box = at("fields-search");
  if (!box) return;
  const words = wanted.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const row of document.querySelectorAll("#editor-step [data-find]")) {
    const names = [...row.querySelectorAll(".field-name, .field-id, input[type=radio]")];
    const text = names.map((one) => one.value ?? one.textContent).join(" ").toLocaleLowerCase();
    row.hidden = !words.every((word) => text.includes(word)) && !row.querySelector(":checked:not(option)");
    if (!row.hidden) found += 1;
  }
  const said = words.length && !found ? at("fields-found").dataset.none : "";
  if (at("fields-found").textContent !== said) at("fields-found").textContent = said;
  at("fields-found").classList.toggle("unseen", !said);
}

/** Put the sample values under their fields. */
function showSamples() {
  for (const place of document.querySelectorAll("#editor-step [data-sample]")) {
    const [side, field] = place.dataset.sample.split(":");
    place.textContent = held.sides[side]?.said[field] ?? "";
  }
}

/** Take the sample that the server told. */
function takeSamples(box) {
  held = { of: at("fields-sample").dataset.samples, sides: {} };
  for (const list of box.querySelectorAll("[data-side]")) {
    const side = { about: list.dataset.about ? JSON.parse(list.dataset.about) : {}, fields: {}, said: {} };
    for (const one of list.children) {
      side.fields[one.dataset.field] = JSON.parse(one.dataset.raw);
      side.said[one.dataset.field] = one.textContent;
    }
    held.sides[list.dataset.side] = side;
    list.remove();
  }
  showSamples();
}

/** Ask for the samples of a draft once, when its fields are known. */
function askForSamples() {
  const form = at("fields-sample-form");
  const of = at("fields-sample")?.dataset.samples;
  if (!form || form.dataset.ready !== "yes" || asked === of) return;
  asked = of;
  held = { of, sides: {} };
  htmx.trigger(form, "tandem:samples");
}

document.addEventListener("input", (event) => {
  if (event.target.id !== "fields-search") return;
  wanted = event.target.value;
  find();
});
document.addEventListener("keydown", (event) => {
  // Enter in the search must not send a form; Escape empties it.
  if (event.target.id !== "fields-search" || event.key !== "Escape" || !wanted) return;
  event.preventDefault();
  event.target.value = wanted = "";
  find();
});

// As they are when an answer comes: a browser tells of what was opened only later.
document.addEventListener("htmx:beforeSwap", () => {
  for (const { id, open: isOpen } of document.querySelectorAll("#editor-step details[id]")) {
    if (isOpen) open.add(id);
    else open.delete(id);
  }
});

document.addEventListener("htmx:configRequest", (event) => {
  const { path, parameters } = event.detail;
  if (path.endsWith("/fields/try")) parameters.samples = JSON.stringify(held.sides);
});

let focused = null; // what had the focus before a swap, where that is taken away
let near = []; // the buttons of its kind, the next one first: they are in rows that may stay
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.id !== "editor-step") return;
  focused = document.activeElement?.id || null;
  const row = document.activeElement?.closest("#editor-step .pair");
  const ids = row ? [...row.parentElement.querySelectorAll(":scope > .pair > button[id]")].map((one) => one.id) : [];
  const own = ids.indexOf(focused);
  near = own < 0 ? [] : [...ids.slice(own + 1), ...ids.slice(0, own).reverse()];
});
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "fields-samples") return takeSamples(event.target);
  event.target.querySelector?.("[data-focus-now]")?.focus();
  if (!at("fields-search")) {
    if (!at("editor")) asked = null;
    return;
  }
  at("fields-search").value = wanted;
  for (const id of open) {
    const details = at(id);
    if (details?.matches("details")) details.open = true;
  }
  find();
  if (held.of === at("fields-sample").dataset.samples) showSamples();
  askForSamples();
  // What is within details that were closed when it came could not take the focus back before.
  if (focused && document.activeElement === document.body && event.target.id === "editor-step") at(focused)?.focus();
  if (focused && !at(focused) && event.target.id === "editor-step") {
    (near.map(at).find((one) => one && !one.closest("[hidden]")) ?? at("fields-mapped-title")).focus();
  }
  focused = null;
});

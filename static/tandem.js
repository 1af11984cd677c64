// The page's own script: a fresh token on each request, problems as sentences, Jira's theme.

const problem = document.getElementById("problem");

/** A fresh context token from Jira; it is never kept. */
function contextToken() {
  return new Promise((resolve) => AP.context.getToken(resolve));
}

function tell(text) {
  problem.textContent = text;
  problem.hidden = !text;
}

// Each request waits for its token. While a tab is hidden the polling rests.
document.addEventListener("htmx:confirm", async (event) => {
  event.preventDefault();
  const polling = event.detail.elt.id === "overview";
  if (polling && (document.hidden || event.detail.elt.contains(document.activeElement))) return;
  const token = await contextToken();
  event.detail.elt.tandemToken = token;
  event.detail.issueRequest(true);
});

document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers.Authorization = `JWT ${event.detail.elt.tandemToken}`;
  delete event.detail.elt.tandemToken;
});

document.addEventListener("htmx:afterRequest", (event) => {
  const { elt, successful, xhr, requestConfig } = event.detail;
  if (successful) {
    if (requestConfig.verb === "post" || elt.id !== "overview") tell("");
    if (elt.matches("form[data-close]")) elt.remove();
    if (elt.matches("form") && !elt.matches("[data-close]")) elt.reset();
    document.querySelector("#panel select, #panel input")?.focus();
    return;
  }
  if (elt.id === "overview" && !xhr.status) return; // a missed poll: the next one tells
  let said = "Tandem did not answer. Try again in a moment.";
  try {
    const body = JSON.parse(xhr.responseText);
    said = body.detail;
    const field = body.field && document.getElementById(body.field === "code" ? "pairing-code" : body.field);
    if (field) {
      field.setAttribute("aria-invalid", "true");
      field.focus();
      field.addEventListener("input", () => field.removeAttribute("aria-invalid"), { once: true });
    }
  } catch {
    // not a problem document
  }
  tell(said);
});

document.addEventListener("click", async (event) => {
  const copied = event.target.closest("[data-copy]");
  if (copied) {
    await navigator.clipboard?.writeText(document.getElementById(copied.dataset.copy).textContent);
    copied.textContent = "Copied";
  }
  if (event.target.closest("[data-dismiss]")) {
    event.target.closest("form").remove();
  }
});

// The frame is as tall as the page, so that Jira scrolls and the page does not.
const page = document.getElementById("page");
let height = 0;
new ResizeObserver(() => {
  if (page.offsetHeight !== height) {
    height = page.offsetHeight;
    AP.resize("100%", `${height}px`);
  }
}).observe(page);

AP.theming?.initializeTheming();

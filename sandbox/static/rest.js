// Calls the site's own REST API as the signed-in user (by cookie), and builds elements.

/** Call the API; gives the JSON answer or null. Throws an Error with Jira's own words. */
export async function call(method, path, body) {
  const answer = await fetch(path, {
    method,
    headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  let json = null;
  try {
    json = text ? JSON.parse(text) : null;
  } catch {
    // An HTML answer, as a gateway gives; its status says enough.
  }
  if (!answer.ok) {
    const words = [...(json?.errorMessages ?? []), ...Object.values(json?.errors ?? {})];
    throw new Error(words.join(' ') || json?.message || `The site answered ${answer.status}.`);
  }
  return json;
}

/** Make an element: properties by name, `data-…` and `aria-…` as attributes. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes('-')) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** What a label field's text means: words, parted by spaces or commas. */
export function labelsOf(text) {
  return [...new Set(text.split(/[\s,]+/).filter(Boolean))];
}

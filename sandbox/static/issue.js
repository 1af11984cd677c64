// One issue to read and change by hand. It speaks REST v2, whose rich text is wiki markup.
import { call, el, labelsOf } from './rest.js';

const EVERY_MS = 1000;
const page = document.querySelector('[data-issue]');
const api = `/rest/api/2/issue/${page.dataset.issue}`;
const find = (name) => page.querySelector(`[data-${name}]`);
const controls = Object.fromEntries(
  [...page.querySelectorAll('[data-field]')].map((control) => [control.dataset.field, control]),
);
const description = { form: find('description'), text: page.querySelector('#description') };
description.buttons = description.form.querySelector('.buttons');

const READS = {
  summary: (fields) => fields.summary,
  priority: (fields) => fields.priority?.id ?? '',
  duedate: (fields) => fields.duedate ?? '',
  labels: (fields) => fields.labels.join(' '),
};
const WRITES = {
  summary: (text) => text,
  priority: (id) => ({ id }),
  duedate: (date) => date || null,
  labels: (text) => labelsOf(text),
};

let stamp = '';
let saved = '';

const when = (text) => new Date(text).toLocaleString([], { dateStyle: 'medium', timeStyle: 'medium' });
const dirty = () => description.text.value !== saved;

/** Run an action and show its refusal in the page's one place for faults. */
async function attempt(action) {
  const fault = find('fault');
  try {
    await action();
    fault.hidden = true;
  } catch (error) {
    fault.textContent = error.message;
    fault.hidden = false;
  }
  await look(true);
}

function showFields({ fields }) {
  for (const [name, control] of Object.entries(controls)) {
    if (document.activeElement !== control) control.value = READS[name](fields);
  }
  const text = fields.description ?? '';
  if (!dirty()) description.text.value = text;
  saved = text;
  description.buttons.hidden = !dirty();
  find('status').textContent = fields.status.name;
  find('status').dataset.category = fields.status.statusCategory.key;
  find('reporter').textContent = fields.reporter?.displayName ?? 'nobody';
  find('created').textContent = when(fields.created);
  find('updated').textContent = when(fields.updated);
}

function showMoves({ transitions }) {
  find('moves').replaceChildren(
    ...transitions.map((move) => {
      const button = el('button', { type: 'button', textContent: move.name });
      button.addEventListener('click', () =>
        attempt(() =>
          call('POST', `${api}/transitions`, {
            transition: { id: move.id },
            // The screen on the way to Done asks for a resolution.
            ...(move.hasScreen ? { fields: { resolution: { name: 'Done' } } } : {}),
          }),
        ),
      );
      return button;
    }),
  );
}

function showComments({ comments }) {
  const items = comments.map((comment) =>
    el(
      'li',
      {},
      el('p', { className: 'who' }, el('b', {}, comment.author?.displayName ?? 'nobody'), ' ', when(comment.created)),
      el('p', { className: 'words', textContent: comment.body }),
    ),
  );
  find('comments').replaceChildren(...items);
}

function showHistory({ values }) {
  const items = values.toReversed().flatMap((entry) =>
    entry.items.map((item) =>
      el(
        'li',
        {},
        el('span', { className: 'who' }, el('b', {}, entry.author?.displayName ?? 'nobody'), ` changed ${item.field} `, when(entry.created)),
        el('span', { className: 'before', textContent: item.fromString || 'none' }),
        ' → ',
        el('span', { className: 'after', textContent: item.toString || 'none' }),
      ),
    ),
  );
  find('history').replaceChildren(...items);
}

async function look(always = false) {
  const now = JSON.stringify(await call('GET', `/sandbox/pages/issues/${page.dataset.issue}`));
  if (now === stamp && !always) return;
  stamp = now;
  const [issue, moves, comments, history] = await Promise.all(
    ['', '/transitions', '/comment', '/changelog?maxResults=100'].map((path) => call('GET', api + path)),
  );
  showFields(issue);
  showMoves(moves);
  showComments(comments);
  showHistory(history);
}

for (const [name, control] of Object.entries(controls)) {
  control.addEventListener('change', () =>
    attempt(async () => {
      control.blur();
      await call('PUT', api, { fields: { [name]: WRITES[name](control.value) } });
    }),
  );
}
description.text.addEventListener('input', () => {
  description.buttons.hidden = !dirty();
});
description.form.addEventListener('submit', (event) => {
  event.preventDefault();
  attempt(async () => {
    const text = description.text.value;
    await call('PUT', api, { fields: { description: text || null } });
    saved = text;
  });
});
find('cancel').addEventListener('click', () => {
  description.text.value = saved;
  description.buttons.hidden = true;
});
find('comment').addEventListener('submit', (event) => {
  event.preventDefault();
  const field = event.target.querySelector('textarea');
  attempt(async () => {
    await call('POST', `${api}/comment`, { body: field.value });
    field.value = '';
  });
});

async function run() {
  // A site that is away for a moment is asked again; what is on the page stays.
  await look().catch(() => {});
  setTimeout(run, EVERY_MS);
}
run();

// A site's issues by project, to change in place; what changes on the site lights up by itself.
import { call, el, labelsOf } from './rest.js';

const EVERY_MS = 1000;
const SHINE_MS = 2000;
const FIELDS = ['summary', 'priority', 'due', 'labels', 'status'];

// What each control writes through the REST API.
const WRITES = {
  summary: (text) => ({ summary: text }),
  priority: (id) => ({ priority: { id } }),
  due: (date) => ({ duedate: date || null }),
  labels: (text) => ({ labels: labelsOf(text) }),
};

/** Light an element up for two seconds. */
function shine(element) {
  element.classList.remove('arrived');
  void element.offsetWidth; // starts the animation anew
  element.classList.add('arrived');
  setTimeout(() => element.classList.remove('arrived'), SHINE_MS);
}

/** One issue's row: keeps what the site last said, and writes what is typed. */
class Row {
  constructor(issue, project, board) {
    this.board = board;
    this.issue = issue;
    this.due = el('input', { type: 'date', value: issue.due });
    this.summary = el('input', { value: issue.summary, maxLength: 255, autocomplete: 'off' });
    this.labels = el('input', { value: issue.labels, placeholder: 'labels', autocomplete: 'off' });
    this.priority = el(
      'select',
      {},
      ...project.priorities.map((p) => el('option', { value: p.id, textContent: p.name })),
    );
    this.priority.value = issue.priority;
    this.status = el('span', { className: 'lozenge' });
    this.note = el('span', { className: 'note', role: 'status' });
    const key = el('a', { className: 'key', href: `/browse/${issue.key}`, textContent: issue.key });
    if (board.apart) key.target = '_blank';
    const kind = el('span', { className: 'kind', textContent: issue.type });
    this.element = el(
      'article',
      { className: 'issue', 'data-key': issue.key },
      key, kind, this.summary, this.status, this.priority, this.due, this.labels, this.note,
    );
    for (const name of Object.keys(WRITES)) this.#prepare(name);
    this.#show(issue);
  }

  #prepare(name) {
    const control = this[name];
    control.dataset.field = name;
    control.setAttribute('aria-label', `${name === 'due' ? 'due date' : name} of ${this.issue.key}`);
    control.disabled = !this.board.canEdit;
    control.addEventListener('change', () => this.#write(name));
    if (control.type === 'text') {
      control.addEventListener('keydown', (event) => {
        if (event.key === 'Enter') control.blur();
      });
    }
  }

  async #write(name) {
    try {
      const fields = WRITES[name](this[name].value);
      await call('PUT', `/rest/api/3/issue/${this.issue.key}`, { fields });
      this.#say('');
    } catch (error) {
      this[name].value = this.issue[name];
      this.#say(error.message, true);
    }
    this.board.refresh();
  }

  #say(words, fault = false) {
    this.note.textContent = words;
    this.note.classList.toggle('fault', fault);
  }

  #show(issue) {
    this.status.textContent = issue.status;
    this.status.dataset.category = issue.category;
    this.due.classList.toggle('empty', !issue.due);
  }

  /** Take what the site says now; lights up what differs from before. */
  update(issue) {
    const changed = FIELDS.filter((name) => issue[name] !== this.issue[name]);
    const touched = issue.updated !== this.issue.updated;
    this.issue = issue;
    this.#show(issue);
    for (const name of changed) {
      const control = this[name];
      if (name !== 'status' && document.activeElement !== control) control.value = issue[name];
      shine(control);
    }
    if (touched) {
      shine(this.element);
      this.#say('just changed');
      clearTimeout(this.quiet);
      this.quiet = setTimeout(() => this.#say(''), SHINE_MS * 2);
    }
  }
}

/** The board in one element: its projects, their rows, and the form that creates an issue. */
class Board {
  constructor(root) {
    this.root = root;
    this.apart = 'apart' in root.dataset;
    this.chosen = root.dataset.project;
    this.rows = new Map();
    this.sections = new Map();
    this.first = true;
    this.canEdit = true;
    this.head = root.querySelector('.board-head');
    this.waiting = root.querySelector('p');
  }

  async run() {
    await this.refresh();
    setTimeout(() => this.run(), EVERY_MS);
  }

  async refresh() {
    let data;
    try {
      data = await call('GET', '/sandbox/pages/board');
    } catch {
      this.root.classList.add('lost');
      return;
    }
    this.root.classList.remove('lost');
    this.canEdit = data.canEdit;
    if (this.first) this.#start(data);
    for (const project of data.projects) this.#project(project);
    this.first = false;
  }

  #start(data) {
    this.waiting.remove();
    if (!data.projects.some((p) => p.key === this.chosen)) this.chosen = '';
    const choice = el(
      'select',
      { 'aria-label': 'Project', className: 'project-choice' },
      el('option', { value: '', textContent: 'All projects' }),
      ...data.projects.map((p) => el('option', { value: p.key, textContent: `${p.name} (${p.key})` })),
    );
    choice.value = this.chosen;
    choice.addEventListener('change', () => {
      this.chosen = choice.value;
      for (const [key, part] of this.sections) part.element.hidden = this.#hides(key);
    });
    this.head.append(choice);
    for (const project of data.projects) this.#section(project);
  }

  #hides(key) {
    return this.chosen !== '' && this.chosen !== key;
  }

  #section(project) {
    const list = el('div', { className: 'issues' });
    const count = el('span', { className: 'quiet' });
    const element = el(
      'section',
      { className: 'project', hidden: this.#hides(project.key), 'data-project': project.key },
      el('h2', {}, project.name, ' ', count),
      this.#createForm(project),
      list,
    );
    this.sections.set(project.key, { element, list, count });
    this.root.append(element);
  }

  #createForm(project) {
    const type = el(
      'select',
      { 'aria-label': 'Issue type' },
      ...project.types.map((t) => el('option', { value: t.id, textContent: t.name })),
    );
    const summary = el('input', {
      placeholder: 'What needs to be done?', 'aria-label': `New issue in ${project.key}`,
      required: true, maxLength: 255, autocomplete: 'off',
    });
    const note = el('span', { className: 'note', role: 'status' });
    const button = el('button', { textContent: 'Create' });
    const form = el('form', { className: 'create', hidden: !this.canEdit }, type, summary, button, note);
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      button.disabled = true;
      try {
        const fields = {
          project: { id: project.id }, issuetype: { id: type.value }, summary: summary.value,
        };
        await call('POST', '/rest/api/3/issue', { fields });
        summary.value = '';
        note.textContent = '';
        this.refresh();
      } catch (error) {
        note.textContent = error.message;
        note.classList.add('fault');
      }
      button.disabled = false;
    });
    return form;
  }

  #project(project) {
    const { list, count } = this.sections.get(project.key);
    const hidden = project.total - project.issues.length;
    count.textContent = hidden ? `${project.total} issues, the newest shown` : `${project.total}`;
    const present = new Set(project.issues.map((issue) => issue.id));
    for (const [id, row] of this.rows) {
      if (row.project === project.key && !present.has(id)) {
        row.element.remove();
        this.rows.delete(id);
      }
    }
    let before = list.firstElementChild;
    for (const issue of project.issues) {
      const known = this.rows.get(issue.id);
      if (known) {
        known.update(issue);
        before = known.element.nextElementSibling;
        continue;
      }
      const row = new Row(issue, project, this);
      row.project = project.key;
      this.rows.set(issue.id, row);
      list.insertBefore(row.element, before);
      if (!this.first) shine(row.element);
    }
  }
}

for (const root of document.querySelectorAll('[data-board]')) new Board(root).run();

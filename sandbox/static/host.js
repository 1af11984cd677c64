// The host side of Atlassian's bridge: makes the apps' iframes and answers what they ask of it.
import { call } from './rest.js';

const EVERY_MS = 2000;
const frames = [...document.querySelectorAll('[data-app-frame]')];
const { connectHost } = window;

// What an app's frame may do. It leaves the page by a person's click alone.
// Reference: https://developer.atlassian.com/platform/forge/custom-ui/iframe/ of Forge's frames.
const FRAME_MAY = [
  'allow-downloads', 'allow-forms', 'allow-modals', 'allow-popups', 'allow-popups-to-escape-sandbox',
  'allow-same-origin', 'allow-scripts', 'allow-top-navigation-by-user-activation',
].join(' ');

/** Where a page is shown and for whom: with each call that is about it. */
function placeOf(frame) {
  const { account, issueKey, projectKey } = frame.dataset;
  const place = new URLSearchParams({ accountId: account });
  if (issueKey) place.set('issueKey', issueKey);
  if (projectKey) place.set('projectKey', projectKey);
  return place.toString();
}

/** Which frame of this page asked: the bridge hands its extension to the last argument. */
function asker(callback) {
  return callback._context.extension;
}

/** What an app gives a page of its own: in the host page's address, where Jira marks it by "ac.". */
function ownContext(customData) {
  const given = Object.entries(customData ?? {}).map(([name, value]) => [`ac.${name}`, String(value)]);
  return given.length ? `?${new URLSearchParams(given)}` : '';
}

const ROUTES = {
  addonmodule: ({ addonKey, moduleKey, customData }) =>
    `/plugins/servlet/ac/${addonKey}/${moduleKey}${ownContext(customData)}`,
  issue: ({ issueKey }) => `/browse/${issueKey}`,
  projectadmintabpanel: ({ projectKey, addonKey, adminPageKey }) =>
    `/projects/${projectKey}/settings/apps/${addonKey}/${adminPageKey}`,
  site: ({ relativeUrl }) => (/^\/(?![/\\])/.test(relativeUrl) ? relativeUrl : undefined),
};

connectHost.defineModule('context', {
  // Every call gets a fresh token, as in Jira: they live for minutes only.
  async getToken(callback) {
    const { addon_key: appKey, options } = asker(callback);
    callback((await call('GET', `/sandbox/apps/${appKey}/context-token?${options.place}`)).token);
  },
});
connectHost.defineModule('user', {
  async getLocale(callback) {
    callback((await call('GET', '/rest/api/3/mypreferences/locale')).locale);
  },
  getCurrentUser(callback) {
    callback({ atlassianAccountId: new URLSearchParams(asker(callback).options.place).get('accountId') });
  },
});
connectHost.defineModule('navigator', {
  go(target, context, callback) {
    // An app that gives no module of its own means one of its pages.
    const path = ROUTES[String(target).toLowerCase()]?.({ addonKey: asker(callback).addon_key, ...context });
    if (path) location.assign(path);
  },
  reload() {
    location.reload();
  },
});

async function embed(frame) {
  const { app: appKey, module: moduleKey } = frame.dataset;
  const place = placeOf(frame);
  try {
    const given = [...new URLSearchParams(location.search)].filter(([name]) => name.startsWith('ac.'));
    const asked = new URLSearchParams([...new URLSearchParams(place), ...given]);
    const { url } = await call('GET', `/sandbox/apps/${appKey}/modules/${moduleKey}?${asked}`);
    const options = { place, sandbox: FRAME_MAY };
    const iframe = connectHost.create({ addon_key: appKey, key: moduleKey, url, options });
    window.AJS.$(frame).empty().append(iframe);
  } catch (error) {
    say(frame, `The app's page could not be opened: ${error.message}`);
  }
}

function say(frame, words) {
  const note = frame.querySelector('[role=status]');
  if (note) note.textContent = words;
}

async function waitForApp() {
  const [page] = await call('GET', '/sandbox/pages/apps').catch(() => []);
  if (page) location.reload();
  else setTimeout(waitForApp, EVERY_MS);
}

/** A panel is loaded when it is opened first; whether it is open is kept for the next issue. */
function fold(panel, frame) {
  const name = `sandbox_panel:${panel.dataset.panel}`;
  panel.addEventListener('toggle', () => {
    localStorage.setItem(name, panel.open ? 'open' : '');
    if (panel.open && !panel.dataset.loaded) {
      panel.dataset.loaded = 'yes';
      embed(frame);
    }
  });
  panel.open = localStorage.getItem(name) === 'open';
}

for (const frame of frames) {
  const panel = frame.closest('details[data-panel]');
  if (!frame.dataset.app) waitForApp();
  else if (panel) fold(panel, frame);
  else embed(frame);
}

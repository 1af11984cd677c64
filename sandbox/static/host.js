// The host side of Atlassian's bridge: makes the app's iframe and answers AP.context.getToken.
import { call } from './rest.js';

const EVERY_MS = 2000;
const frame = document.querySelector('[data-app-frame]');
const { connectHost } = window;

function defineModules(appKey, accountId) {
  connectHost.defineModule('context', {
    // Every call gets a fresh token, as in Jira: they live for minutes only.
    async getToken(callback) {
      const path = `/sandbox/apps/${appKey}/context-token?accountId=${accountId}`;
      callback((await call('GET', path)).token);
    },
  });
  connectHost.defineModule('user', {
    getCurrentUser(callback) {
      callback({ atlassianAccountId: decodeURIComponent(accountId) });
    },
  });
}

async function embed(appKey, moduleKey) {
  const accountId = encodeURIComponent(frame.dataset.account);
  const { url } = await call(
    'GET',
    `/sandbox/apps/${appKey}/modules/${moduleKey}?accountId=${accountId}`,
  );
  defineModules(appKey, accountId);
  const iframe = connectHost.create({ addon_key: appKey, key: moduleKey, url, options: {} });
  window.AJS.$(frame).empty().append(iframe);
}

function say(words) {
  const note = frame.querySelector('[role=status]');
  if (note) note.textContent = words;
}

async function waitForApp() {
  const [page] = await call('GET', '/sandbox/pages/apps').catch(() => []);
  if (page) location.reload();
  else setTimeout(waitForApp, EVERY_MS);
}

if (frame.dataset.app) {
  embed(frame.dataset.app, frame.dataset.module).catch((error) =>
    say(`The app's page could not be opened: ${error.message}`),
  );
} else {
  waitForApp();
}

// The bar of every page: user switch, and light and dark.
//
// The choice is a cookie, and cookies do not know ports: the page of the other site in a frame
// sees it too and follows within half a second.

const NAME = 'sandbox_theme';

function chosen() {
  return document.cookie.includes(`${NAME}=dark`) ? 'dark' : 'light';
}

function apply() {
  const mode = chosen();
  const root = document.documentElement;
  if (root.dataset.colorMode === mode) return;
  // The bridge's host side watches this attribute and tells the app's frame.
  root.dataset.colorMode = mode;
  for (const button of document.querySelectorAll('[data-theme-switch]')) {
    button.textContent = mode === 'dark' ? 'Light' : 'Dark';
  }
}

for (const button of document.querySelectorAll('[data-theme-switch]')) {
  button.addEventListener('click', () => {
    const next = chosen() === 'dark' ? 'light' : 'dark';
    document.cookie = `${NAME}=${next}; path=/; max-age=31536000; samesite=lax`;
    apply();
  });
}
for (const select of document.querySelectorAll('select[data-submit]')) {
  select.addEventListener('change', () => select.form.requestSubmit());
}
document.addEventListener('click', (event) => {
  for (const menu of document.querySelectorAll('details.menu[open]')) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
setInterval(apply, 500);
apply();

// The page that says why Tandem's page cannot open: as tall as its sentence, in Jira's theme.

const page = document.getElementById("page");
new ResizeObserver(() => window.AP?.resize("100%", `${page.offsetHeight}px`)).observe(page);
window.AP?.theming?.initializeTheming();

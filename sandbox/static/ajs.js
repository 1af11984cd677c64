// What the host side of the bridge expects of the page it runs in: jQuery, under Jira's old name.
window.AJS = {
  $: window.jQuery,
  contextPath() {
    return '';
  },
};

// A browser shows the page before its scripts are there: the last press until then is done after.
{
  let pressed = null;
  const keep = (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    event.preventDefault(); // its form would leave the page
    pressed = button;
  };
  document.addEventListener("click", keep, true);
  document.addEventListener("htmx:load", () => {
    document.removeEventListener("click", keep, true);
    pressed?.click();
  }, { once: true });
}

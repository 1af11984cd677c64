// What was unfolded stays so when the panel is swapped.

let open = [];

document.addEventListener("htmx:beforeSwap", () => {
  open = [...document.querySelectorAll("details[id][open]")].map((one) => one.id);
});
document.addEventListener("htmx:afterSwap", () => {
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
});

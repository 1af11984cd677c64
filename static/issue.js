// What was unfolded stays so when the panel is swapped; what came of "sync now" is read out.

let open = [];

document.addEventListener("htmx:beforeSwap", () => {
  open = [...document.querySelectorAll("details[id][open]")].map((one) => one.id);
});
document.addEventListener("htmx:afterSwap", () => {
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  const news = document.getElementById("news");
  const said = document.querySelector("[data-said]")?.textContent ?? "";
  if (said && said !== news.textContent) news.textContent = said;
});

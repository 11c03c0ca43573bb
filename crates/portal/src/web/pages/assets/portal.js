// Comforts. Every page can be read and every form sent without them.
(() => {
  // Texts to copy have a button where the browser can.
  for (const button of document.querySelectorAll("[data-copy]")) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
    const said = button.textContent;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).value);
      button.textContent = button.dataset.copied;
      setTimeout(() => { button.textContent = said; }, 2000);
    });
  }

  // A file fills the field that holds what is sent.
  for (const file of document.querySelectorAll("[data-into]")) {
    file.closest(".field").hidden = false;
    file.addEventListener("change", async () => {
      const [chosen] = file.files;
      if (chosen) document.getElementById(file.dataset.into).value = await chosen.text();
    });
  }

  // Whether the gateway has it in force is looked at until it has.
  const force = document.getElementById("force");
  const look = async left => {
    if (!force.querySelector("[data-pending]") || left === 0) return;
    const answer = await fetch(location.pathname, { headers: { accept: "text/html" } });
    if (answer.ok && answer.url === location.href.split("?")[0]) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const now = page.getElementById("force");
      if (now && now.textContent !== force.textContent) force.replaceChildren(...now.childNodes);
    }
    setTimeout(look, 2000, left - 1);
  };
  if (force) setTimeout(look, 2000, 60);

  // Whoever chose a day meant it.
  for (const day of document.querySelectorAll("[data-chooses]")) {
    day.addEventListener("input", () => { document.getElementById(day.dataset.chooses).checked = true; });
  }
})();


// Searches and sorts the table of groups. Without it all can be read: what is too much is folded.
(() => {
  const table = document.getElementById("groups");
  const tools = document.getElementById("tools");
  const folded = document.getElementById("folded");
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const rows = [...body.rows];
  if (folded) {
    rows.push(...folded.querySelectorAll("tbody tr"));
    folded.remove();
  }
  if (rows.length < 2) return;

  // What a row is found by, and sorted by, read when it is first needed.
  const texts = new Map();
  const text = row => {
    if (!texts.has(row)) {
      const cells = [...row.cells].flatMap(cell => [...cell.childNodes].map(part => part.textContent));
      // Dates are written so that they do not break.
      texts.set(row, cells.join(" ").toLowerCase().replaceAll("\u2011", "-"));
    }
    return texts.get(row);
  };
  const number = cell => {
    // What stands below a number is no part of it.
    const shown = cell.dataset.v || (cell.firstChild ? cell.firstChild.textContent : "");
    const digits = shown.replace(/[^\d.,]/g, "").replace(",", ".");
    return digits ? Number(digits) : -1;
  };
  const order = new Intl.Collator(document.documentElement.lang, { numeric: true });
  const isNumber = column => heads[column].classList.contains("n") || rows[0].cells[column].dataset.v;

  const step = 100;
  const inSight = Number(tools.dataset.inSight);
  let room = inSight;
  let sorted = null; // { column, down }
  let arranged = rows;

  const more = document.createElement("div");
  more.className = "more";
  const button = action => {
    const made = document.createElement("button");
    made.type = "button";
    made.addEventListener("click", () => { action(); show(); });
    more.append(made);
    return made;
  };
  const some = button(() => { room += step; });
  const all = button(() => { room = rows.length; });
  table.after(more);

  const search = tools.querySelector("input");
  const output = tools.querySelector("output");
  const rest = document.querySelector(".rest");
  const show = () => {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(word => word);
    const found = arranged.filter(row => wanted.every(word => text(row).includes(word)));
    body.replaceChildren(...found.slice(0, room));
    const format = count => count.toLocaleString("en").replaceAll(",", "\u202f");
    output.textContent =
      tools.dataset.found.replace("{found}", format(found.length)).replace("{all}", format(rows.length));
    const left = found.length - room;
    more.hidden = left <= 0;
    some.hidden = left <= step;
    if (rest) {
      rest.classList.toggle("some", left > 0);
      rest.textContent = tools.dataset.rest.replace("{}", format(left));
    }
    some.textContent = tools.dataset.more.replace("{}", step);
    all.textContent = tools.dataset.all;
  };

  const sort = () => {
    arranged = [...rows];
    if (sorted) {
      const { column, down } = sorted;
      const key = isNumber(column) ? number : cell => cell.textContent.toLowerCase();
      const compare = isNumber(column) ? (one, other) => one - other : order.compare;
      const keys = new Map(rows.map(row => [row, key(row.cells[column])]));
      arranged.sort((one, other) => (down ? -1 : 1) * compare(keys.get(one), keys.get(other)));
    }
    heads.forEach((head, column) => {
      if (sorted && sorted.column === column) {
        head.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
      } else {
        head.removeAttribute("aria-sort");
      }
    });
    show();
  };

  heads.forEach((head, column) => {
    const name = document.createElement("button");
    name.type = "button";
    name.title = tools.dataset.sort;
    name.append(...head.childNodes);
    head.append(name);
    // The most of a number first, then the least, then as the report has it.
    name.addEventListener("click", () => {
      const first = Boolean(isNumber(column));
      if (!sorted || sorted.column !== column) sorted = { column, down: first };
      else if (sorted.down === first) sorted = { column, down: !first };
      else sorted = null;
      sort();
    });
  });

  search.addEventListener("input", () => { room = inSight; show(); });
  tools.hidden = rows.length <= 5;
  show();
})();

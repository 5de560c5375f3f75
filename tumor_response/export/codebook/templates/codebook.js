"use strict";
(() => {
  const field = (id) => document.getElementById(id);
  const tools = field("tools");
  const sections = [...document.querySelectorAll("main section")].map((section) => ({
    section,
    rows: [...section.querySelectorAll("tbody tr")].map((row) => ({ row, text: null })),
  }));
  const total = sections.reduce((n, one) => n + one.rows.length, 0);
  const fits = (hundredths, wanted) => {
    if (!wanted) return true;
    if (hundredths === undefined || hundredths === "") return false;
    const size = Math.abs(Number(hundredths));
    const limit = Math.abs(Number(wanted));
    return wanted[0] === "+" ? size >= limit : size < limit;
  };
  const show = () => {
    const words = field("words").value.toLowerCase().split(/\s+/).filter(Boolean);
    const block = field("block").value;
    const volume = field("volume").value;
    const icc = field("icc") ? field("icc").value : "";
    const missing = field("missing").checked;
    let found = 0;
    for (const one of sections) {
      let inside = 0;
      const heading = one.section.firstElementChild.textContent.toLowerCase();
      for (const entry of one.rows) {
        if (entry.text === null) entry.text = `${heading} ${entry.row.textContent.toLowerCase()}`;
        const data = entry.row.dataset;
        const kept =
          (!block || one.section.dataset.block === block) &&
          words.every((word) => entry.text.includes(word)) &&
          fits(data.v, volume) && fits(data.i, icc) && (!missing || "m" in data);
        entry.row.hidden = !kept;
        if (kept) inside += 1;
      }
      one.section.hidden = !inside;
      found += inside;
    }
    field("found").textContent = `${found} of ${total} shown`;
  };
  tools.addEventListener("submit", (event) => event.preventDefault());
  tools.addEventListener("input", show);
  tools.hidden = false;
  show();
})();

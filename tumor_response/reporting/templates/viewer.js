"use strict";
// Slices of CT, map and contour on a canvas. Texts come from the page and go back as text only.
(() => {
  // per plane: the axes (x left, y back, z head) to the right, downwards and across; head up
  const PLANES = {
    axial: { axes: [0, 1, 2], up: false, letters: "RLAP" },
    coronal: { axes: [0, 2, 1], up: true, letters: "RLSI" },
    sagittal: { axes: [1, 2, 0], up: true, letters: "APSI" },
  };
  const [TUMOUR, SHOWN, BETWEEN] = [1, 2, 4];
  const LONGEST_PX = 560;
  const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const minus = (text) => String(text).replace("-", "\u2212");
  const short = (value) => minus(Number(value.toPrecision(3)));
  const clipped = (share) => Math.round(255 * Math.min(1, Math.max(0, share)));

  const load = async (figure) => {
    const lesion = JSON.parse(figure.dataset.lesion);
    const packed = new Blob([bytesOf(figure.dataset.voxels)]);
    const stream = packed.stream().pipeThrough(new DecompressionStream("deflate"));
    const all = new Uint8Array(await new Response(stream).arrayBuffer());
    const n = all.length / 3;
    [lesion.codes, lesion.attention, lesion.marks] = [0, n, 2 * n].map((at) => all.subarray(at, at + n));
    for (let i = 1; i < n; i += 1) lesion.codes[i] += lesion.codes[i - 1]; // modulo 256
    lesion.intensities = new Float64Array(256);
    lesion.knots.slice(1).forEach(([end, high], k) => {
      const [first, low] = lesion.knots[k];
      for (let c = first; c <= end; c += 1) lesion.intensities[c] = low + ((high - low) * (c - first)) / (end - first);
    });
    const [lowest, highest] = lesion.map;
    lesion.values = Array.from({ length: 256 }, (_, c) => lowest + (c * (highest - lowest)) / 255);
    lesion.name = figure.querySelector("strong").textContent;
    return lesion;
  };

  const start = (root) => {
    const shared = JSON.parse(root.dataset.viewer);
    const colours = bytesOf(shared.colours);
    const form = root.querySelector("form");
    const figures = [...root.querySelectorAll("[data-lesion]")];
    const parts = Object.fromEntries([...root.querySelectorAll("[data-part]")].map((one) => [one.dataset.part, one]));
    const pen = parts.canvas.getContext("2d");
    const sheet = document.createElement("canvas");
    let [lesion, view] = [null, null]; // and its slice: axes, size, where its voxels are
    const look = () => {
      const plane = PLANES[parts.plane.value];
      const [right, down, across] = plane.axes;
      const { size, spacing } = lesion;
      const steps = [1, size[0], size[0] * size[1]];
      const [index, columns, rows] = [Number(parts.slice.value), size[right], size[down]];
      const voxel = (column, row) =>
        index * steps[across] + column * steps[right] + (plane.up ? rows - 1 - row : row) * steps[down];
      // found and peak: marks, and the value farthest from 0, of the slice
      view = { ...plane, across, index, columns, rows, voxel, found: 0, peak: 0 };
      [view.width, view.height] = [columns * spacing[right], rows * spacing[down]];
      for (let row = 0; row < rows; row += 1)
        for (let column = 0; column < columns; column += 1) {
          const [mark, code] = [lesion.marks, lesion.attention].map((of) => of[voxel(column, row)]);
          view.found |= mark;
          if (mark & SHOWN && Math.abs(lesion.values[code]) > Math.abs(view.peak)) view.peak = lesion.values[code];
        }
    };

    const lay = (smooth, colour) => {
      [sheet.width, sheet.height] = [view.columns, view.rows];
      const image = new ImageData(view.columns, view.rows);
      for (let row = 0, to = 0; row < view.rows; row += 1)
        for (let column = 0; column < view.columns; column += 1, to += 4)
          colour(view.voxel(column, row), image.data, to);
      sheet.getContext("2d").putImageData(image, 0, 0);
      pen.imageSmoothingEnabled = smooth;
      pen.drawImage(sheet, 0, 0, parts.canvas.width, parts.canvas.height);
    };

    const outline = (wide, high) => {
      const path = new Path2D(); // along the edges of voxels
      const inside = (column, row) => column >= 0 && row >= 0 && column < view.columns &&
        row < view.rows && (lesion.marks[view.voxel(column, row)] & TUMOUR) > 0;
      const line = (x, y, right, down) => {
        path.moveTo(x * wide, y * high);
        path.lineTo((x + right) * wide, (y + down) * high);
      };
      for (let row = 0; row <= view.rows; row += 1)
        for (let column = 0; column <= view.columns; column += 1) {
          const here = inside(column, row);
          if (here !== inside(column - 1, row)) line(column, row, 0, 1);
          if (here !== inside(column, row - 1)) line(column, row, 1, 0);
        }
      return path;
    };

    const draw = () => {
      if (!lesion) return;
      look();
      const [low, high] = lesion.windows[parts.window.selectedIndex].slice(1);
      const end = parts.scale.value === "own" ? lesion.own : shared.scale[1];
      const begin = shared.scale[0] < 0 ? -end : 0; // a map with both signs has both ends
      const greys = Array.from(lesion.intensities, (value) => clipped((value - low) / (high - low)));
      const places = lesion.values.map((value) => clipped((value - begin) / (end - begin)));
      const opacity = Number(parts.opacity.value) / 100;
      const alphas = lesion.values.map((value) => opacity * clipped(Math.abs(value) / end));
      const [canvas, ratio] = [parts.canvas, Math.min(3, window.devicePixelRatio || 1)];
      const room = Math.min(LONGEST_PX, canvas.parentElement.clientWidth || LONGEST_PX);
      const perMm = (room * ratio) / Math.max(view.width, view.height);
      [canvas.width, canvas.height] = [view.width, view.height].map((mm) => Math.max(1, Math.round(mm * perMm)));
      canvas.style.width = `${canvas.width / ratio}px`;
      lay(true, (at, data, to) => data.fill(greys[lesion.codes[at]], to, to + 3).fill(255, to + 3, to + 4));
      if (parts.map.checked)
        lay(false, (at, data, to) => { // each voxel its own colour: nothing is interpolated
          const code = lesion.attention[at];
          const alpha = lesion.marks[at] & SHOWN ? alphas[code] : 0;
          data.set([...colours.subarray(3 * places[code], 3 * places[code] + 3), alpha], to);
        });
      if (parts.contour.checked) {
        const path = outline(canvas.width / view.columns, canvas.height / view.rows);
        pen.lineCap = "square";
        for (const [colour, width] of [["black", 4], [`rgb(${shared.contour})`, 2]]) {
          [pen.strokeStyle, pen.lineWidth] = [colour, width * ratio];
          pen.stroke(path);
        }
      }
      letter(canvas.width, canvas.height, ratio, 10 * perMm);
      [parts.low.textContent, parts.high.textContent] = [short(begin), short(end)];
      tell();
    };

    const letter = (w, h, ratio, cm) => { // the patient's sides, and a centimetre
      const edge = 11 * ratio;
      pen.font = `600 ${13 * ratio}px system-ui, sans-serif`;
      [pen.textAlign, pen.textBaseline, pen.lineJoin] = ["center", "middle", "round"];
      const sides = [[edge, h / 2], [w - edge, h / 2], [w / 2, edge], [w / 2, h - edge]];
      [pen.strokeStyle, pen.fillStyle, pen.lineWidth] = ["black", "white", 3 * ratio];
      [...view.letters, "1 cm"].forEach((text, n) => {
        const place = sides[n] || [edge + cm / 2, h - 2 * edge];
        for (const write of ["strokeText", "fillText"]) pen[write](text, ...place);
      });
      for (const write of ["strokeRect", "fillRect"]) pen[write](edge, h - edge, cm, 2 * ratio);
    };

    const tell = () => {
      const at = lesion.start[view.across] + view.index * lesion.step[view.across];
      const tumour = view.found & TUMOUR ? "with" : "without";
      const shown = view.found & BETWEEN ? "in part interpolated" : "shown to the network";
      const map = view.peak ? `map up to ${short(view.peak)}` : "map 0 here";
      const seen = view.found & SHOWN ? `${shown}, ${map}` : "not shown to the network";
      const said = `slice ${view.index + 1} of ${lesion.size[view.across]}, ` +
        `${"xyz"[view.across]} = ${minus(at.toFixed(1))} mm; ${tumour} tumour; ${seen}`;
      parts.where.textContent = said;
      parts.slice.setAttribute("aria-valuetext", said);
      parts.opacity.setAttribute("aria-valuetext", `${parts.opacity.value} per cent`);
      parts.canvas.setAttribute("aria-label", `${lesion.name}, ${parts.plane.value} ${said}`);
    };

    const turn = () => { // to the slice of a plane with most of the tumour, of those shown first
      const across = PLANES[parts.plane.value].axes[2];
      const counts = new Array(lesion.size[across]).fill(0);
      const [nx, ny] = lesion.size;
      lesion.marks.forEach((mark, at) => {
        const place = [at % nx, Math.floor(at / nx) % ny, Math.floor(at / (nx * ny))][across];
        if (mark & TUMOUR) counts[place] += mark & SHOWN ? 1 : 1e-6;
      });
      [parts.slice.max, parts.slice.value] = [counts.length - 1, counts.indexOf(Math.max(...counts))];
    };

    const open = async () => {
      const [wanted, chosen] = [parts.lesion.value, parts.window.value];
      const loaded = await load(figures[Number(wanted)]);
      if (wanted !== parts.lesion.value) return; // another was chosen meanwhile
      lesion = loaded;
      parts.window.replaceChildren(...lesion.windows.map(([label, ...ends]) =>
        new Option(`${label} (${ends.map(short).join(" to ")} ${shared.unit})`, label)));
      if (lesion.windows.some(([label]) => label === chosen)) parts.window.value = chosen;
      parts.plane.value = lesion.plane;
      turn();
      draw();
    };

    parts.opacity.value = 100 * shared.opacity;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", (event) => {
      if (event.target === parts.lesion) return void open();
      if (lesion && event.target === parts.plane) turn();
      return draw();
    });
    window.addEventListener("resize", draw);
    form.hidden = false;
    root.classList.add("running");
    open();
  };

  if (typeof DecompressionStream === "undefined") return; // an old browser keeps the pictures
  const sight = new IntersectionObserver((entries) => { // unpacked when about to be seen
    for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
      sight.unobserve(target);
      start(target);
    }
  }, { rootMargin: "600px" });
  for (const form of document.querySelectorAll("[data-viewer] > form")) sight.observe(form.parentElement);
})();

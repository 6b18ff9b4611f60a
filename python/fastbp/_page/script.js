"use strict";

// Charts: the pointer or the arrow keys choose an x, and the values there are read out.
for (const figure of document.querySelectorAll("[data-chart]")) {
  const { across, series, places } = JSON.parse(figure.dataset.chart);
  const [left, right, low, high] = places;
  const svg = figure.querySelector("svg[role]"), cursor = svg.querySelector(".cursor");
  const output = figure.querySelector("output");
  const xs = [...new Set(series.flatMap(([, points]) => points.map(([x]) => x)))].sort((a, b) => a - b);
  let at = -1;
  const show = (index) => {
    at = Math.max(0, Math.min(xs.length - 1, index));
    const place = left + (xs[at] - low) / (high - low) * (right - left);
    cursor.setAttribute("x1", place);
    cursor.setAttribute("x2", place);
    cursor.removeAttribute("hidden");
    const values = series.map(([name, points]) => [name, points.find(([x]) => x === xs[at])?.[1]]);
    output.textContent = `${across} ${xs[at]}: ` +
      values.filter(([, y]) => y !== undefined).map(([name, y]) => `${name} ${y ?? "not finite"}`).join(", ");
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const x = low + ((event.clientX - box.left) / box.width * svg.viewBox.baseVal.width - left) / (right - left) * (high - low);
    show(xs.reduce((best, each, i) => Math.abs(each - x) < Math.abs(xs[best] - x) ? i : best, 0));
  });
  svg.addEventListener("keydown", (event) => {
    const next = { ArrowLeft: at < 0 ? xs.length - 1 : at - 1, ArrowRight: at + 1, Home: 0, End: xs.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    show(next);
  });
}

// The decision surface: bytes of a grid for each instant, and the samples upon it.
const data = document.getElementById("surface-data");
if (data) {
  const { grid, classes, epochs, frames, points } = JSON.parse(data.textContent);
  const section = document.getElementById("surface");
  const canvas = section.querySelector("canvas"), slider = section.querySelector("input");
  const output = section.querySelector("output"), play = section.querySelector("button");
  const bytes = frames.map((frame) => Uint8Array.from(atob(frame), (c) => c.charCodeAt(0)));
  const picture = document.createElement("canvas");
  picture.width = picture.height = grid;
  const rgb = (name) => {
    const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const full = hex.length === 4 ? hex.replace(/[^#]/g, "$&$&") : hex;
    return [1, 3, 5].map((i) => parseInt(full.slice(i, i + 2), 16));
  };
  const mix = (a, b, share) => a.map((v, i) => v + (b[i] - v) * share);
  const draw = () => {
    const paper = rgb("--paper"), colours = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => rgb(`--c${i}`));
    const colour = (byte) => classes ? colours[byte % 8]
      : byte < 128 ? mix(colours[0], paper, byte / 128) : mix(paper, colours[1], (byte - 128) / 127);
    const context = picture.getContext("2d"), image = context.createImageData(grid, grid);
    bytes[slider.value].forEach((byte, i) => {
      image.data.set([...mix(colour(byte), paper, classes ? 0.6 : 0.3), 255], 4 * i);
    });
    context.putImageData(image, 0, 0);
    const target = canvas.getContext("2d"), size = canvas.width;
    target.imageSmoothingEnabled = !classes;
    target.drawImage(picture, 0, 0, size, size);
    for (const [x, y, byte] of points) {
      target.beginPath();
      target.arc(x * size, y * size, size / 100, 0, 7);
      target.fillStyle = `rgb(${colour(byte)})`;
      target.strokeStyle = `rgb(${rgb("--ink")})`;
      target.fill();
      target.stroke();
    }
    output.textContent = `epoch ${epochs[slider.value]}`;
    slider.setAttribute("aria-valuetext", output.textContent);
  };
  let timer = 0;
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  };
  play.addEventListener("click", () => {
    if (timer) return stop();
    if (Number(slider.value) === frames.length - 1) slider.value = 0;
    play.textContent = "Pause";
    timer = setInterval(() => {
      slider.value = Number(slider.value) + 1;
      draw();
      if (Number(slider.value) === frames.length - 1) stop();
    }, 150);
  });
  slider.addEventListener("input", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw();
}

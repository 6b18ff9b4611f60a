"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const SVG = "http://www.w3.org/2000/svg", MATH = "http://www.w3.org/1998/Math/MathML";
  const layers = data.edges.length;
  // All that is drawn between columns: from each to the next, and then past the layers of residual blocks.
  const links = [...data.edges.map((edge, c) => ({ ...edge, from: c, to: c + 1 })), ...data.past];
  const LAST = 2 * layers + 2;  // moments: the input, forward, the loss, backward, the update
  const RADIUS = 27, TOP = 76, FEW = 12, LANE = 7;  // FEW: lines whose numbers are written at them
  const state = { moment: 0, sample: 0, lines: "old", chosen: null, timer: 0 };
  let nodes = [], edges = [], places = [], lossText = [], targetTexts = [];

  // ---- numbers and elements ----

  const text = (value, digits) => {
    if (typeof value !== "number") return String(value);
    const plain = (number) => number !== 0 && Math.abs(number) < 1e-4 ? number.toExponential() : String(number);
    let word = plain(Number(value.toPrecision(digits)));
    if (digits < 6 && word.length > 6) word = plain(Number(value.toPrecision(2)));
    if (digits < 6 && word.length > 7) word = value.toExponential(0);
    return word.replace(/-/g, "−");
  };
  const full = (value) => text(value, 6), short = (value) => text(value, 3);
  const make = (space, name, attributes, parent, words) => {
    const element = space ? document.createElementNS(space, name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
    if (words !== undefined) element.textContent = words;
    if (parent) parent.appendChild(element);
    return element;
  };
  const nodeName = (c, a) => c ? `node ${data.columns[c].shown[a]} of ${data.columns[c].name}` : `input ${data.columns[0].shown[a]}`;

  // ---- what is shown when ----

  const phase = () => {
    const m = state.moment;
    if (m === 0) return { kind: "input", layer: 0 };
    if (m <= layers) return { kind: "forward", layer: m };
    if (m === layers + 1) return { kind: "loss", layer: layers };
    if (m <= 2 * layers + 1) return { kind: "backward", layer: 2 * layers + 2 - m };
    return { kind: "update", layer: 0 };
  };
  const valueShown = (c) => state.moment >= c;
  const slopeShown = (c) => state.moment >= 2 * layers + 1 - c;
  const quantity = (link) => {  // what its lines show
    if (state.lines !== "old") return state.lines;
    const now = phase();
    if (now.kind === "update") return "new";
    return now.kind === "backward" && now.layer === link.to ? "gradient" : "old";
  };
  const blockEndingAt = (c) => data.past.find((past) => past.to === c);
  const blocksBegunAt = (c) => data.past.filter((past) => past.from === c);

  const caption = () => {
    const now = phase(), column = data.columns[now.layer], dense = now.layer && data.edges[now.layer - 1].dense;
    const block = blockEndingAt(now.layer);
    const list = (values) => values.slice(0, 4).map(full).join(", ") + (values.length > 4 ? ", …" : "");
    switch (now.kind) {
      case "input":
        return `The ${data.count > 1 ? "samples go" : "sample goes"} in: ${column.count} ${column.count === 1 ? "value" : "values"}.`;
      case "forward":
        if (block) {
          return `Forward, the sum of ${column.name}: what its layers made, and what comes past them from ` +
            `${data.columns[block.from].name}${block.dense ? ", projected" : ""}.`;
        }
        return dense
          ? `Forward into ${column.name}: every node adds up value × weight and its bias; the activation makes its value of the sum.`
          : `Forward through ${column.name} (${column.kind}).`;
      case "loss":
        return `The prediction is ${list(column.values[state.sample])}, the target ${list(data.targets[state.sample])}: ` +
          `${data.lossName} ${full(data.losses[state.sample])}. ` + (data.together
            ? "Its slope at the sums of the last layer, activation included, is where the way back begins."
            : "Its slope at the prediction is where the way back begins.");
      case "backward": {
        const before = data.columns[now.layer - 1].name;
        if (block) {
          return `Backward, the sum of ${column.name}: its slope goes back both into its layers and past them to ` +
            `${data.columns[block.from].name}${block.dense ? ", through the projection" : ""}.`;
        }
        const begun = blocksBegunAt(now.layer - 1).map((past) => data.columns[past.to].name);
        const joined = begun.length ? ` There what came past the layers of ${begun.join(" and ")} is added.` : "";
        return (dense
          ? `Backward through ${column.name}: slope of a weight = value feeding in × slope of the activation × ` +
            `slope of the loss at the node fed into. Then, through the weights, the slopes at ${before}.`
          : `Backward through ${column.name} (${column.kind}), to the slopes at ${before}.`) + joined;
      }
      default:
        return data.moves
          ? `The update: every weight moves against its slope, with learning rate ${full(data.rate)}. ` +
            `The loss goes from ${full(data.loss[0])} to ${full(data.loss[1])}.`
          : "No update yet: the slopes of several batches are gathered for one step.";
    }
  };

  // ---- the drawing ----

  const draw = () => {
    const svg = byId("network");
    svg.textContent = "";
    nodes = []; edges = []; places = []; lossText = []; targetTexts = [];
    const columns = data.columns, count = columns.length + 1;
    const room = byId("scroll").clientWidth || 900;
    const gap = Math.max(165, Math.min(270, (room - 150) / (count - 1)));
    const tallest = Math.max(...columns.map((c) => c.shown.length)), row = tallest > 4 ? 64 : 84;
    const lanes = lanesOf(data.past), top = TOP + lanes.height;
    const height = top + tallest * row + 26, width = 75 + gap * (count - 1) + 85;
    svg.setAttribute("width", width);
    svg.setAttribute("height", height);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    columns.forEach((column, c) => {
      const first = top + ((tallest - column.shown.length) * row) / 2 + row / 2;
      places.push(column.shown.map((_, a) => [75 + gap * c, first + a * row]));
    });
    const total = links.reduce((sum, link) => sum + link.pairs.length, 0);
    const furthest = make(SVG, "g", {}, svg), behind = make(SVG, "g", {}, svg), before = make(SVG, "g", {}, svg);
    links.forEach((link, k) => {
      if (k < layers) drawLink(behind, link, k, total, gap, 0);
      else drawLink(furthest, link, k, total, gap, top - lanes.rooms[k - layers]);
    });
    columns.forEach((column, c) => drawColumn(before, column, c, gap));
    const x = 75 + gap * columns.length, last = places[layers];
    const middle = (last[0][1] + last[last.length - 1][1]) / 2;
    const box = make(SVG, "g", { class: "loss" }, svg);
    make(SVG, "rect", { x: x - 62, y: middle - 44, width: 124, height: 88, rx: 12 }, box);
    make(SVG, "text", { x, y: middle - 20 }, box, "loss");
    lossText = [make(SVG, "text", { x, y: middle + 6, class: "figure" }, box),
                make(SVG, "text", { x, y: middle + 30 }, box)];
  };

  const fit = (element, words, room) => {  // words that may be long, in a room so many pixels wide
    const most = Math.max(4, Math.floor(room / 7.2));
    element.textContent = words.length > most ? words.slice(0, most - 1) + "…" : words;
    if (words.length > most) make(SVG, "title", {}, element, words);
  };

  const drawColumn = (svg, column, c, gap) => {
    const x = places[c][0][0], last = places[c][places[c].length - 1];
    fit(make(SVG, "text", { x, y: 24, class: "head" }, svg), column.name, gap - 8);
    fit(make(SVG, "text", { x, y: 42, class: "sub" }, svg), column.kind, gap - 8);
    if (column.count > column.shown.length) {
      make(SVG, "text", { x, y: 58, class: "sub" }, svg, `${column.shown.length} of ${column.count} shown`);
      make(SVG, "text", { x, y: last[1] + RADIUS + 18, class: "sub" }, svg, "⋮");
    }
    nodes.push(places[c].map(([cx, cy], a) => {
      const group = make(SVG, "g", { class: "node", tabindex: 0, role: "button", "data-node": `${c},${a}` }, svg);
      make(SVG, "title", {}, group, nodeName(c, a));
      make(SVG, "circle", { cx, cy, r: RADIUS, class: "rim" }, group);
      const shade = make(SVG, "circle", { cx, cy, r: RADIUS - 1, class: "shade" }, group);
      make(SVG, "text", { x: cx - RADIUS + 4, y: cy - 19, class: "index" }, group, column.shown[a]);
      const number = make(SVG, "text", { x: cx, y: cy + 5, class: "number" }, group);
      const back = make(SVG, "text", { x: cx, y: cy + 14, class: "back" }, group);
      choosable(group, () => choose({ kind: "node", c, a }));
      if (c === layers) targetTexts.push(make(SVG, "text", { x: cx + RADIUS + 8, y: cy + 5, class: "target" }, svg));
      return { group, shade, number, back, y: cy };
    }));
  };

  // Lines past the layers of a block run above all nodes, in a lane for each node that they come from; blocks that
  // share columns have lanes of their own.
  const lanesOf = (past) => {
    const ends = [];  // of each level, the column where it is free again
    let height = 0;
    const lanes = past.map((link) => {
      const level = ends.findIndex((end) => end <= link.from), own = level < 0 ? ends.length : level;
      ends[own] = link.to;
      return own;
    });
    const rooms = ends.map((_, level) => {
      const most = Math.max(...past.filter((_, p) => lanes[p] === level).map((link) => data.columns[link.from].shown.length));
      height += most * LANE + 8;
      return height;
    });
    return { height, rooms: lanes.map((level) => rooms[level]) };
  };

  const pathOf = ([x1, y1], [x2, y2], gap, lane) => {
    if (lane !== null) {
      const out = x1 + RADIUS, into = x2 - RADIUS;
      return `M${out},${y1}C${x1 + gap * 0.55},${y1} ${x1 + gap * 0.3},${lane} ${x1 + gap * 0.75},${lane}` +
        `L${x2 - gap * 0.75},${lane}C${x2 - gap * 0.3},${lane} ${x2 - gap * 0.55},${y2} ${into},${y2}`;
    }
    const long = Math.hypot(x2 - x1, y2 - y1), dx = ((x2 - x1) / long) * RADIUS, dy = ((y2 - y1) / long) * RADIUS;
    return `M${x1 + dx},${y1 + dy}L${x2 - dx},${y2 - dy}`;
  };

  const drawLink = (svg, edge, k, total, gap, room) => {
    const from = places[edge.from], to = places[edge.to], past = k >= layers;
    edges.push(edge.pairs.map(([a, b], e) => {
      const [x1, y1] = from[a], [x2, y2] = to[b];
      const path = pathOf(from[a], to[b], gap, past ? room + a * LANE : null);
      const kind = `edge${edge.dense ? "" : " plain"}${past ? " past" : ""}`;
      const group = make(SVG, "g", { class: kind, "data-edge": `${k + 1},${e}` }, svg);
      const wire = make(SVG, "path", { d: path, class: "wire" }, group);
      const flow = make(SVG, "path", { d: path, class: "flow" }, group);
      let number = null;
      if (edge.dense) {
        make(SVG, "path", { d: path, class: "hit" }, group);
        const name = `weight from ${nodeName(edge.from, a)} to ${nodeName(edge.to, b)}${past ? ", past its layers" : ""}`;
        make(SVG, "title", {}, group, name);
        group.setAttribute("role", "button");
        group.setAttribute("tabindex", total <= 120 ? 0 : -1);  // else by the lists below the drawing
        group.setAttribute("aria-label", `${name}: ${full(edge.old[e])}, slope ${full(edge.gradient[e])}, new ${full(edge.new[e])}`);
        choosable(group, () => choose({ kind: "edge", k, e }));
        if (edge.pairs.length <= FEW && !past) {
          const many = Math.max(from.length, to.length);  // numbers of crossing lines stand beside each other
          const at = many > 1 ? 0.24 + (0.52 * (from.length > to.length ? a % 2 : b % 3)) / (from.length > to.length ? 1 : 2) : 0.5;
          const share = (RADIUS + at * (Math.hypot(x2 - x1, y2 - y1) - 2 * RADIUS)) / Math.hypot(x2 - x1, y2 - y1);  // from rim to rim
          number = make(SVG, "text", { x: x1 + (x2 - x1) * share, y: y1 + (y2 - y1) * share + 4, class: "number" }, group);
        }
      }
      return { group, wire, flow, number };
    }));
  };

  const choosable = (group, action) => {
    group.addEventListener("click", action);
    group.addEventListener("keydown", (event) => {
      if (event.key === "Enter") { event.preventDefault(); action(); }
    });
  };

  // ---- a moment ----

  const show = (scroll) => {
    const now = phase(), s = state.sample;
    data.columns.forEach((column, c) => {
      const most = Math.max(...column.values[s].map(Math.abs), 1e-300);
      nodes[c].forEach((node, a) => {
        const value = column.values[s][a], slope = column.slopes[s][a];
        node.number.textContent = valueShown(c) ? short(value) : "";
        node.shade.style.opacity = valueShown(c) ? 0.04 + 0.3 * (Math.abs(value) / most) : 0;
        node.number.setAttribute("y", node.y + (slopeShown(c) ? -2 : 5));
        node.back.textContent = slopeShown(c) ? short(slope) : "";
        const active = (["input", "forward", "loss"].includes(now.kind) && c === now.layer) ||
          (now.kind === "backward" && c === now.layer - 1);
        node.group.classList.toggle("active", active);
        node.group.classList.toggle("backward", now.kind === "backward" || now.kind === "loss");
        const chosen = state.chosen;
        node.group.classList.toggle("chosen", Boolean(chosen && chosen.kind === "node" && chosen.c === c && chosen.a === a));
        node.group.setAttribute("aria-label", nodeName(c, a) + (valueShown(c) ? `: value ${full(value)}` : "") +
          (slopeShown(c) ? `, slope of the loss ${full(slope)}` : ""));
      });
    });
    links.forEach((edge, k) => {
      const c = edge.to, which = quantity(edge), values = edge.dense ? edge[which] : null;
      const most = values ? Math.max(...values.map(Math.abs), 1e-300) : 1;
      const joins = k >= layers && now.kind === "backward" && now.layer === edge.from + 1;  // where both ways add up
      const active = joins || ((now.kind === "forward" || now.kind === "backward") && now.layer === c);
      const reached = now.kind === "update" || (now.kind === "backward" && c >= now.layer) || c <= state.moment;
      const many = edge.pairs.length > FEW;
      edges[k].forEach(({ group, wire, flow, number }, e) => {
        if (values) {
          const share = Math.abs(values[e]) / most;
          wire.style.strokeWidth = 0.8 + (many ? 3.2 : 5.2) * share;
          flow.style.display = many && share < 0.5 ? "none" : "";
          group.classList.toggle("below", values[e] < 0);
        }
        const chosen = state.chosen;
        group.classList.toggle("active", active);
        group.classList.toggle("backward", now.kind === "backward");
        group.classList.toggle("dim", !reached);
        group.classList.toggle("chosen", Boolean(chosen && chosen.kind === "edge" && chosen.k === k && chosen.e === e));
        if (number) {
          number.textContent = short(values[e]);
          number.style.fill = which === "gradient" ? "var(--slope)" : "";
        }
      });
    });
    targetTexts.forEach((element, a) => {
      element.textContent = state.moment > layers ? `target ${short(data.targets[s][a])}` : "";
    });
    lossText[0].textContent = state.moment > layers ? short(data.loss[0]) : "";
    lossText[1].textContent = now.kind === "update" ? `then ${short(data.loss[1])}` : "";
    byId("caption").textContent = `${state.moment + 1} of ${LAST + 1}. ${caption()}`;
    byId("back").disabled = state.moment === 0;
    byId("next").disabled = state.moment === LAST;
    if (scroll) {
      const area = byId("scroll"), x = now.kind === "loss" ? places[layers][0][0] + 100 : places[now.layer][0][0] - 60;
      const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
      area.scrollTo({ left: x - area.clientWidth / 2, behavior: calm ? "auto" : "smooth" });
    }
  };

  const go = (moment) => {
    state.moment = Math.max(0, Math.min(LAST, moment));
    if (state.moment === LAST) play(false);
    show(true);
  };

  const play = (on) => {
    clearInterval(state.timer);
    state.timer = 0;
    if (on) {
      if (state.moment === LAST) go(0);
      state.timer = setInterval(() => go(state.moment + 1), 1800);
    }
    byId("play").setAttribute("aria-pressed", on);
    byId("play").textContent = on ? "Pause" : "Play";
  };

  // ---- derivations ----

  const FLAT = { stretchy: "false" };  // brackets of the height of their line
  const OPERATORS = "+ − × / = ( ) | , Σ".split(" ");

  const formula = (tokens) => {  // tokens as nodes of MathML; brackets, roots and squares take what belongs to them
    let at = 0;
    const unit = (first) => {
      const token = tokens[at++];
      if (typeof token === "number") {
        const number = make(MATH, "mn", {}, null, full(token));
        if (token >= 0 || first) return number;
        const row = make(MATH, "mrow");
        row.append(make(MATH, "mo", FLAT, null, "("), number, make(MATH, "mo", FLAT, null, ")"));
        return row;
      }
      if (token === "√") {
        const root = make(MATH, "msqrt"), inner = unit(true);
        if (inner.dataset.group) { inner.firstChild.remove(); inner.lastChild.remove(); }
        root.appendChild(inner);
        return root;
      }
      if (token === "(") {
        const row = make(MATH, "mrow", { "data-group": 1 });
        row.append(make(MATH, "mo", FLAT, null, "("), ...list(")"), make(MATH, "mo", FLAT, null, ")"));
        return row;
      }
      if (OPERATORS.includes(token)) return make(MATH, "mo", {}, null, token);
      const next = tokens[at], ended = typeof next !== "string" || /^\W/.test(next);
      if (token.length <= 4 && !/^[a-z]{2}/.test(token)) return make(MATH, "mi", {}, null, token);
      return make(MATH, "mtext", {}, null, ended ? token : `${token}\u00a0`);
    };
    const list = (end) => {
      const found = [];
      while (at < tokens.length) {
        if (tokens[at] === end) { at++; break; }
        if (tokens[at] === "²") {
          at++;
          const power = make(MATH, "msup");
          power.append(found.pop(), make(MATH, "mn", {}, null, "2"));
          found.push(power);
        } else {
          found.push(unit(found.length === 0));
        }
      }
      return found;
    };
    return list(null);
  };

  const lineOf = ([left, symbols, numbers, value, remark]) => {
    const line = make(null, "div", { class: "line" });
    if (!left) {
      make(null, "span", { class: "remark" }, line, remark);
      return line;
    }
    const step = (name, tokens) => {  // lines may break before an operator: each part is a formula by itself
      const row = make(null, "div", { class: "step" }, line);
      let math = make(MATH, "math", {}, row);
      if (name) make(MATH, "mtext", {}, math, name);
      make(MATH, "mo", {}, math, "=");
      const breaks = tokens.some((token) => token.localName === "mtext") ? "+−×" : "+−";  // products stay together
      tokens.forEach((token, i) => {
        if (i && token.localName === "mo" && breaks.includes(token.textContent)) {
          math = make(MATH, "math", {}, row);
          for (const [name, value] of [["form", "infix"], ["lspace", "0"], ["rspace", "0.3em"]]) token.setAttribute(name, value);
        }
        math.append(token);
      });
      return row;
    };
    const result = () => make(MATH, "mn", { class: "result" }, null, full(value));
    const same = numbers.length === 1 && numbers[0] === value;
    if (symbols.length) step(left, formula(symbols));
    if (numbers.length && !same) step(symbols.length ? "" : left, formula(numbers));
    const row = step(symbols.length || (numbers.length && !same) ? "" : left, [result()]);
    if (remark) make(null, "span", { class: "remark" }, row, ` (${remark})`);
    return line;
  };

  const derivation = (chosen) => {
    if (chosen.kind === "edge") return links[chosen.k].derivations[chosen.e];
    return data.columns[chosen.c].derivations[chosen.a];
  };

  const choose = (chosen) => {
    state.chosen = chosen;
    const panel = byId("derivation");
    panel.textContent = "";
    const found = derivation(chosen);
    for (const part of [found, ...(found.more || [])]) {
      make(null, "h3", {}, panel, part.title);
      part.lines.forEach((line) => panel.appendChild(lineOf(line)));
    }
    const link = chosen.kind === "edge" ? links[chosen.k] : null;
    byId("layer").value = link ? link.to : chosen.c;
    fillNodes();
    byId("from").value = link ? `${chosen.k},${link.pairs[chosen.e][0]}` : -1;
    byId("to").value = link ? link.pairs[chosen.e][1] : chosen.a;
    show(false);
  };

  // ---- choosing by lists ----

  const options = (select, rows) => {
    select.textContent = "";
    rows.forEach(([value, words]) => make(null, "option", { value }, select, words));
  };

  const fillNodes = () => {
    const c = Number(byId("layer").value);
    const into = links.map((link, k) => [link, k]).filter(([link]) => link.to === c && link.dense);
    const sources = into.flatMap(([link, k]) =>
      data.columns[link.from].shown.map((_, a) => [`${k},${a}`, nodeName(link.from, a)]));
    options(byId("from"), [[-1, "the node itself"], ...sources]);
    options(byId("to"), data.columns[c].shown.map((_, a) => [a, nodeName(c, a)]));
  };

  const chooseFromLists = () => {
    const c = Number(byId("layer").value), [k, a] = byId("from").value.split(",").map(Number), b = Number(byId("to").value);
    if (k < 0) { choose({ kind: "node", c, a: b }); return; }
    choose({ kind: "edge", k, e: links[k].pairs.findIndex((pair) => pair[0] === a && pair[1] === b) });
  };

  // ---- maps of weights ----

  const drawMaps = () => {
    const area = byId("maps"), style = getComputedStyle(document.documentElement);
    const colour = (name) => {  // as three numbers
      const hex = style.getPropertyValue(name).trim().slice(1);
      return [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16));
    };
    const [zero, above, below] = ["--card", "--positive", "--negative"].map(colour);
    const words = { old: "weights", gradient: "slopes", new: "new weights" }[state.lines];
    area.textContent = "";
    for (const map of data.maps) {
      const { most, cells } = map[state.lines], rows = cells.length, columns = cells[0].length;
      const figure = make(null, "figure", {}, area);
      const blocks = rows < map.shape[0] || columns < map.shape[1] ? ", means of blocks" : "";
      const name = `${map.name}: ${words}, ${map.shape[0]} rows (nodes feeding in) by ${map.shape[1]} columns${blocks}; ` +
        `${short(most)} at most`;
      make(null, "figcaption", {}, figure, name);
      const canvas = make(null, "canvas", { width: columns, height: rows, role: "img", "aria-label": name }, figure);
      const size = Math.max(5, Math.min(24, Math.floor(240 / Math.max(rows, columns))));
      canvas.style.width = `${columns * size}px`;
      canvas.style.height = `${rows * size}px`;
      const pen = canvas.getContext("2d"), image = pen.createImageData(columns, rows);
      cells.flat().forEach((level, i) => {
        const end = level < 0 ? below : above, share = Math.abs(level) / 99;
        zero.forEach((from, j) => { image.data[4 * i + j] = from + (end[j] - from) * share; });
        image.data[4 * i + 3] = 255;
      });
      pen.putImageData(image, 0, 0);
    }
  };

  // ---- beginning ----

  byId("about").textContent = data.about;
  byId("next").addEventListener("click", () => { play(false); go(state.moment + 1); });
  byId("back").addEventListener("click", () => { play(false); go(state.moment - 1); });
  byId("play").addEventListener("click", () => play(!state.timer));
  byId("lines").addEventListener("change", (event) => { state.lines = event.target.value; show(false); drawMaps(); });
  byId("sample").addEventListener("change", (event) => { state.sample = Number(event.target.value); show(false); });
  byId("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    drawMaps();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawMaps);
  byId("layer").addEventListener("change", () => { fillNodes(); chooseFromLists(); });
  byId("from").addEventListener("change", chooseFromLists);
  byId("to").addEventListener("change", chooseFromLists);
  byId("choose").addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", (event) => {
    const kind = event.target.tagName;
    if (event.ctrlKey || event.altKey || event.metaKey || kind === "SELECT") return;
    if (event.key === "ArrowRight") { play(false); go(state.moment + 1); }
    else if (event.key === "ArrowLeft") { play(false); go(state.moment - 1); }
    else if (event.key === " " && kind !== "BUTTON") play(!state.timer);
    else return;
    event.preventDefault();
  });
  let waiting = 0, wide = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth === wide) return;
    wide = window.innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(() => { draw(); show(true); }, 100);
  });
  options(byId("sample"), Array.from({ length: data.samples }, (_, s) => [s, `${s} of ${data.count}`]));
  byId("sample-label").hidden = data.count === 1;
  options(byId("layer"), data.columns.map((column, c) => [c, column.name]));
  byId("layer").value = layers;
  fillNodes();
  make(null, "p", { class: "remark" }, byId("derivation"),
    "Choose a node or a line of the drawing, or in the lists above: the chain rule for it appears here, with its numbers.");
  draw();
  show(true);
  drawMaps();
})();

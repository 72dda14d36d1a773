
'use strict';
// Everything is on the page already; this adds sorting, filtering, zooming and one selection across all parts.
const all = (what, where = document) => [...where.querySelectorAll(what)];
const one = (what, where = document) => where.querySelector(what);
const svg = (tag, attributes) => {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  return made;
};
const say = one('#say');
const tell = text => { say.textContent = text; };
for (const hidden of all('[hidden]')) hidden.hidden = false;

// ---- figures in cells ---------------------------------------------------------------------------------------------
const UNITS = { '\u00b5s': 1e-6, ms: 1e-3, mW: 1e-3, kW: 1e3 };
const plain = text => text.replace(/(\d)[\s\u2009](?=\d{3}\b)/g, '$1').replace(/\u2212/g, '-');
function number(cell) {
  const found = plain(cell.textContent).match(/^\s*(<?)(-?[\d.]+)(?:\s*([^\s\d]+))?/);
  return found ? parseFloat(found[2]) * (UNITS[found[3]] || 1) : NaN;
}
function interval(cell, value) {
  const text = plain(cell.textContent), range = text.match(/(-?[\d.]+) to (-?[\d.]+)/), half = text.match(/\u00b1([\d.]+)/);
  if (range) return [+range[1], +range[2]];
  return half ? [value - half[1], value + +half[1]] : [value, value];
}

// ---- tables: whiskers, sorting, filtering -------------------------------------------------------------------------
const WIDTH = 96;
function whiskers(table) {
  const at = +table.dataset.w;
  const rows = all('tbody tr', table).map(row => {
    const value = number(row.cells[at]);
    return { cell: row.cells[at + 2], value, ends: interval(row.cells[at + 1], value) };
  });
  const most = Math.max(...rows.map(row => Math.max(row.value || 0, row.ends[1] || 0)));
  if (!(most > 0)) return;
  const x = value => Math.max(0, WIDTH * value / most).toFixed(1);
  for (const { cell, value, ends } of rows) {
    const picture = svg('svg', { width: WIDTH + 2, height: 13, class: 'whisker', 'aria-hidden': 'true' });
    if (value > 0) picture.append(svg('rect', { y: 3, width: x(value), height: 7 }));
    if (ends[1] > ends[0]) {
      const [low, high] = ends.map(x);
      picture.append(svg('path', { d: `M${low} 6.5H${high}M${low} 3v7M${high} 3v7` }));
    }
    cell.append(picture);
  }
}
function sortBy(table, button) {
  const head = button.parentNode, column = head.cellIndex, isText = button.dataset.k === 't';
  const was = head.getAttribute('aria-sort'), down = isText ? was === 'ascending' : was !== 'descending';
  all('th', head.parentNode).forEach(other => other.removeAttribute('aria-sort'));
  head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
  const sign = down ? -1 : 1;
  const keyed = all('tbody tr', table).map(row => [isText ? row.cells[column].textContent : number(row.cells[column]), row]);
  const compare = isText
    ? ([a], [b]) => sign * a.localeCompare(b, undefined, { numeric: true })
    : ([a], [b]) => isNaN(a) || isNaN(b) ? isNaN(a) - isNaN(b) : sign * (a - b);  // what is not known stays last
  one('tbody', table).append(...keyed.sort(compare).map(([, row]) => row));
}
for (const table of all('table[data-w]')) {
  whiskers(table);
  all('thead button', table).forEach(button => button.addEventListener('click', () => sortBy(table, button)));
}
for (const field of all('input[data-for]')) {
  const rows = all('tbody tr', document.getElementById(field.dataset.for));
  const texts = rows.map(row => row.textContent.toLowerCase());
  const count = one('output', field.closest('.bar'));
  field.addEventListener('input', () => {
    const wanted = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, place) => {
      row.hidden = !wanted.every(word => texts[place].includes(word));
      shown += !row.hidden;
    });
    count.textContent = wanted.length ? `${shown} of ${rows.length}` : '';
  });
}

// ---- one selection for diagram, icicle and tables -----------------------------------------------------------------
const nodes = new Map(), rowOf = new Map(), boxOf = new Map();
for (const node of all('.ep .node')) if (/^s\d+$/.test(node.id)) nodes.set(node.id.slice(1), node);
for (const row of all('tr[data-s]')) for (const stage of row.dataset.s.split(' ')) if (stage) rowOf.set(stage, row);
for (const box of all('.ic .c[data-s]')) boxOf.set(box.dataset.s, box);
const titleOf = element => { const title = element && one('title', element); return title ? title.textContent : ''; };
const rowText = row => row ? row.cells[0].textContent : '';

function clear() {
  all('.on').forEach(marked => marked.classList.remove('on'));
  tell('');
}
function select(stages, from) {
  clear();
  for (const stage of stages) {
    const row = rowOf.get(stage), marked = [nodes.get(stage), row, boxOf.get(stage)];
    for (const element of marked) if (element) element.classList.add('on');
    if (row && from !== row) {
      const frame = row.closest('.scroll');
      frame.scrollTop = row.offsetTop - 80;
    }
  }
  tell(stages.map(stage => titleOf(nodes.get(stage)) || titleOf(boxOf.get(stage)) || rowText(rowOf.get(stage))).find(Boolean) || '');
}
function activated(element, go) {
  element.addEventListener('click', go);
  element.addEventListener('keydown', event => {
    if (event.target !== element || (event.key !== 'Enter' && event.key !== ' ')) return;
    event.preventDefault();
    go();
  });
}
for (const [stage, node] of nodes) {
  node.setAttribute('tabindex', 0);
  node.setAttribute('role', 'button');
  node.setAttribute('aria-label', titleOf(node));
  activated(node, () => select([stage], node));
  for (const event of ['mouseenter', 'focus']) node.addEventListener(event, () => tell(titleOf(node)));
}
if (nodes.size) one('.ep').setAttribute('role', 'group');
for (const row of all('tr[data-s]')) {
  row.setAttribute('tabindex', 0);
  activated(row, () => select(row.dataset.s.split(' ').filter(Boolean), row));
}

// ---- diagram: larger, smaller -------------------------------------------------------------------------------------
const drawing = one('.ep');
if (drawing) {
  const width = +drawing.getAttribute('width'), height = +drawing.getAttribute('height'), frame = one('.hsbox');
  let zoom = 1;
  const set = wanted => {
    zoom = Math.min(3, Math.max(0.2, wanted));
    drawing.setAttribute('width', width * zoom);
    drawing.setAttribute('height', height * zoom);
  };
  const steps = { in: () => zoom * 1.25, out: () => zoom / 1.25, one: () => 1, fit: () => (frame.clientWidth - 2) / width };
  for (const button of all('#hs-zoom button')) button.addEventListener('click', () => set(steps[button.dataset.z]()));
}

// ---- icicle: zoom by laying the boxes out anew ----------------------------------------------------------------------
const chart = one('.ic');
if (chart) {
  const boxes = all('.c', chart).map(group => {
    const frame = group.parentNode, start = parseFloat(frame.getAttribute('x')) / 100;
    const label = one('text', group), said = titleOf(group);
    group.setAttribute('role', 'button');
    group.setAttribute('aria-label', said);
    return {
      group, frame, label, said, name: label.textContent, start, stage: group.dataset.s,
      end: start + parseFloat(frame.getAttribute('width')) / 100, top: +frame.getAttribute('y'), shown: true,
    };
  });
  const back = one('#ic-out');
  let from = 0, to = 1, current = boxes[0];
  const fitted = (text, pixels) => {
    const room = Math.floor((pixels - 9) / 7);
    return text.length <= room ? text : room > 3 ? text.slice(0, room - 1) + '\u2026' : '';
  };
  const lay = () => {
    const pixels = chart.clientWidth, span = to - from;
    for (const box of boxes) {
      const left = Math.max(0, (box.start - from) / span), right = Math.min(1, (box.end - from) / span);
      box.shown = right - left > 1e-4;
      box.frame.setAttribute('visibility', box.shown ? 'visible' : 'hidden');
      if (!box.shown) continue;
      box.frame.setAttribute('x', `${100 * left}%`);
      box.frame.setAttribute('width', `${100 * (right - left)}%`);
      box.label.textContent = fitted(box.name, (right - left) * pixels);
    }
    back.disabled = span > 0.9999;
  };
  const zoomTo = (a, b) => { [from, to] = [a, b]; lay(); };
  const rove = box => {
    if (current) current.group.setAttribute('tabindex', -1);
    current = box;
    box.group.setAttribute('tabindex', 0);
  };
  const near = (box, key) => {
    const level = top => boxes.filter(other => other.shown && other.top === top);
    const row = level(box.top), place = row.indexOf(box), depth = 24;
    if (key === 'ArrowLeft') return row[place - 1];
    if (key === 'ArrowRight') return row[place + 1];
    const across = level(box.top + (key === 'ArrowDown' ? depth : -depth));
    return across.find(other => other.end > box.start + 1e-6 && other.start < box.end - 1e-6);
  };
  boxes.forEach(box => {
    box.group.setAttribute('tabindex', -1);
    activated(box.group, () => {
      zoomTo(box.start, Math.max(box.end, box.start + 1e-6));
      rove(box);
      if (box.stage) select([box.stage], box.group); else clear();
      tell(box.said);
    });
    box.group.addEventListener('mouseenter', () => tell(box.said));
    box.group.addEventListener('focus', () => { rove(box); tell(box.said); });
    box.group.addEventListener('keydown', event => {
      if (!event.key.startsWith('Arrow')) return;
      event.preventDefault();
      const next = near(box, event.key);
      if (next) next.group.focus();
    });
  });
  if (current) rove(current);
  back.addEventListener('click', () => zoomTo(0, 1));
  addEventListener('resize', lay);
  addEventListener('beforeprint', () => zoomTo(0, 1));
  document.addEventListener('keydown', event => { if (event.key === 'Escape') zoomTo(0, 1); });
  lay();
}
document.addEventListener('keydown', event => { if (event.key === 'Escape') clear(); });

// ---- power over time: a part of it is another viewBox ---------------------------------------------------------------
const line = one('.tl');
if (line) {
  const charts = all('svg', line), count = +line.dataset.n, seconds = +line.dataset.t, least = 8;
  let from = 0, to = count, drag = null, marks = [];
  const time = bucket => `${(bucket * seconds / count).toPrecision(4)} s`;
  const show = () => {
    for (const picture of charts) picture.setAttribute('viewBox', `${from} 0 ${to - from} ${picture.dataset.h}`);
    const ticks = all('.ticks span', line);
    ticks.forEach((tick, place) => { tick.textContent = time(from + (to - from) * place / (ticks.length - 1)); });
    one('#tl-say').textContent = to - from < count ? `${time(from)} to ${time(to)}` : '';
  };
  const set = (a, b) => {
    const width = Math.min(count, Math.max(least, b - a));
    from = Math.max(0, Math.min(a, count - width));
    to = from + width;
    show();
  };
  const move = { in: [0.25, -0.25], out: [-0.5, 0.5], left: [-0.2, -0.2], right: [0.2, 0.2] };
  const step = which => {
    const width = to - from;
    if (which === 'all') set(0, count); else set(from + move[which][0] * width, to + move[which][1] * width);
  };
  const keys = { ArrowLeft: 'left', ArrowRight: 'right', '+': 'in', '=': 'in', '-': 'out', 0: 'all' };
  line.addEventListener('keydown', event => {
    if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    step(keys[event.key]);
  });
  for (const button of all('#tl-bar button')) button.addEventListener('click', () => step(button.dataset.t));
  const at = event => {
    const frame = charts[0].getBoundingClientRect();
    return from + (to - from) * Math.min(1, Math.max(0, (event.clientX - frame.left) / frame.width));
  };
  const drop = () => { drag = null; marks.forEach(mark => mark.remove()); marks = []; };
  for (const picture of charts) {
    picture.addEventListener('pointerdown', event => {
      drop();
      drag = at(event);
      picture.setPointerCapture(event.pointerId);
      marks = charts.map(other => other.appendChild(svg('rect', { class: 'brush', height: other.dataset.h, x: drag, width: 0 })));
    });
    picture.addEventListener('pointermove', event => {
      if (drag === null) return;
      const here = at(event);
      for (const mark of marks) {
        mark.setAttribute('x', Math.min(drag, here));
        mark.setAttribute('width', Math.abs(here - drag));
      }
    });
    picture.addEventListener('pointerup', event => {
      if (drag === null) return;
      const ends = [drag, at(event)].sort((a, b) => a - b);
      drop();
      if (ends[1] - ends[0] > (to - from) / 100) set(...ends);
    });
    picture.addEventListener('pointercancel', drop);
  }
  show();
}

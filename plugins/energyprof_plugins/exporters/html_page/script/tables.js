// ---- figures in cells ---------------------------------------------------------------------------------------------
const UNITS = { '\u00b5s': 1e-6, ms: 1e-3, mW: 1e-3, kW: 1e3 };
const plain = text => text.replace(/(\d)[\s\u2009](?=\d{3}\b)/g, '$1').replace(/\u2212/g, '-');
function number(cell) {
  const first = cell.firstChild, text = first && first.nodeType === Node.TEXT_NODE ? first.data : '';  // the interval is below it
  const found = plain(text).match(/^\s*(<?)(-?[\d.]+(?:e[-+]?\d+)?)(?:\s*([^\s\d]+))?/);
  return found ? parseFloat(found[2]) * (UNITS[found[3]] || 1) : NaN;
}
function interval(cell, value) {
  const below = one('small', cell), text = plain(below ? below.textContent : ''), range = text.match(/(-?[\d.]+) to (-?[\d.]+)/), half = text.match(/\u00b1([\d.]+)/);
  if (range) return [+range[1], +range[2]];
  return half ? [value - half[1], value + +half[1]] : [value, value];
}

// ---- tables: whiskers, sorting, filtering, rows by arrow keys -----------------------------------------------------
// A row is laid out by the browser when it comes into sight, and gets its whisker then.
const WIDTH = 64;
const words = new Intl.Collator(undefined, { numeric: true });
function whisker(ends, value, most) {
  const x = amount => Math.max(0, WIDTH * amount / most).toFixed(1);
  const picture = svg('svg', { width: WIDTH + 2, height: 13, class: 'whisker', 'aria-hidden': 'true' });
  if (value > 0) picture.append(svg('rect', { y: 3, width: x(value), height: 7 }));
  if (ends[1] > ends[0]) {
    const [low, high] = ends.map(x);
    picture.append(svg('path', { d: `M${low} 6.5H${high}M${low} 3v7M${high} 3v7` }));
  }
  return picture;
}
function whiskers(table, rows) {
  const at = +table.dataset.w;
  const known = new Map(rows.map(row => {
    const value = number(row.cells[at]);
    return [row, { value, ends: interval(row.cells[at], value) }];
  }));
  let most = 0;
  for (const { value, ends } of known.values()) most = Math.max(most, value || 0, ends[1] || 0);
  if (!(most > 0)) return;
  const seen = new IntersectionObserver(entries => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      const { value, ends } = known.get(target);
      target.cells[at + 1].append(whisker(ends, value, most));
    }
  }, { root: table.parentNode, rootMargin: '300px 0px' });
  for (const row of rows) seen.observe(row);
}
function sorting(table, rows) {
  const keys = [];
  let order = rows.map((_, place) => place);
  const keyOf = (column, isText) => keys[column] ||= rows.map(row => isText ? row.cells[column].textContent : number(row.cells[column]));
  const sortBy = button => {
    const head = button.parentNode, column = head.cellIndex, isText = button.dataset.k === 't';
    const was = head.getAttribute('aria-sort'), down = isText ? was === 'ascending' : was !== 'descending';
    for (const other of head.parentNode.cells) other.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    const key = keyOf(column, isText), sign = down ? -1 : 1;
    order = order.sort(isText
      ? (a, b) => sign * words.compare(key[a], key[b])
      : (a, b) => isNaN(key[a]) || isNaN(key[b]) ? isNaN(key[a]) - isNaN(key[b]) : sign * (key[a] - key[b]));  // unknown: last
    const sorted = document.createDocumentFragment();
    for (const place of order) sorted.append(rows[place]);
    table.tBodies[0].append(sorted);
  };
  for (const button of all('thead button', table)) button.addEventListener('click', () => sortBy(button));
}
function filtering(field, rows) {
  const count = one('output', field.closest('.bar'));
  let texts = null;
  field.addEventListener('input', () => {
    texts ||= rows.map(row => row.textContent.toLowerCase());
    const wanted = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, place) => {
      const isShown = wanted.every(word => texts[place].includes(word));
      if (row.hidden === isShown) row.hidden = !isShown;
      shown += isShown;
    });
    count.textContent = wanted.length ? `${shown} of ${rows.length}` : '';
  });
}
// One row is reached by Tab, the others from there by arrow keys: nobody wants to pass a thousand.
function roving(table, rows, go) {
  let current = rows[0];
  current.tabIndex = 0;
  const rove = row => {
    if (!row || row === current) return;
    current.tabIndex = -1;
    current = row;
    current.tabIndex = 0;
  };
  const shown = (row, step) => {
    while (row && row.hidden) row = row[step];
    return row;
  };
  const steps = {
    ArrowDown: row => shown(row.nextElementSibling, 'nextElementSibling'),
    ArrowUp: row => shown(row.previousElementSibling, 'previousElementSibling'),
    Home: row => shown(row.parentNode.firstElementChild, 'nextElementSibling'),
    End: row => shown(row.parentNode.lastElementChild, 'previousElementSibling'),
  };
  const body = table.tBodies[0];
  body.addEventListener('keydown', event => {
    const row = event.target, isStep = event.key in steps;
    if (row.tagName !== 'TR' || !(isStep || event.key === 'Enter' || event.key === ' ')) return;
    event.preventDefault();
    if (!isStep) return go(row);
    const next = steps[event.key](row);
    rove(next);
    if (next) next.focus();
  });
  body.addEventListener('focusin', event => rove(event.target.closest('tr')));
  body.addEventListener('click', event => { if (!event.target.closest('a')) go(event.target.closest('tr')); });
  fieldOf(table).addEventListener('input', () => { if (current.hidden) rove(rows.find(row => !row.hidden)); });
}
const fieldOf = table => one(`input[data-for=${table.id}]`);
const rowsOf = new Map();
for (const table of all('table[data-w]')) {
  const rows = [...table.tBodies[0].rows];
  if (!rows.length) continue;
  rowsOf.set(table, rows);
  whiskers(table, rows);
  sorting(table, rows);
  filtering(fieldOf(table), rows);
}


// ---- one selection for diagram, icicle and tables -----------------------------------------------------------------
const nodes = new Map(), rowOf = new Map(), boxOf = new Map();
const stagesOf = row => (row.dataset.s || '').split(' ').filter(Boolean);
for (const node of all('.ep .node')) if (/^[sf]\d+$/.test(node.id)) nodes.set(node.id.replace('s', ''), node);
for (const rows of rowsOf.values()) for (const row of rows) for (const stage of stagesOf(row)) rowOf.set(stage, row);
for (const box of all('.ic .c[data-s]')) boxOf.set(box.dataset.s, box);
const seenText = node => [...node.querySelectorAll('text')].map(line => line.textContent).join(' ');
const rowText = row => row ? row.cells[0].textContent : '';

function clear() {
  for (const marked of all('.on')) marked.classList.remove('on');
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
for (const [stage, node] of nodes) {
  node.setAttribute('tabindex', 0);
  node.setAttribute('role', 'button');
  // Who speaks to the page says what is seen of a box; what it tells beyond that describes it.
  for (const line of [...node.querySelectorAll('text')].slice(1)) line.before(' ');
  node.setAttribute('aria-label', seenText(node));
  node.setAttribute('aria-description', titleOf(node));
  activated(node, () => select([stage], node));
  for (const event of ['mouseenter', 'focus']) node.addEventListener(event, () => tell(titleOf(node)));
}
if (nodes.size) one('.ep').setAttribute('role', 'group');
for (const [table, rows] of rowsOf) if (rows[0].dataset.s !== undefined) roving(table, rows, row => select(stagesOf(row), row));
document.addEventListener('keydown', event => { if (event.key === 'Escape') clear(); });


// ---- icicle: zoom by laying the boxes out anew ----------------------------------------------------------------------
const chart = one('.ic');
if (chart) {
  const boxes = all('.c', chart).map(group => {
    const frame = group.parentNode, start = parseFloat(frame.getAttribute('x')) / 100;
    const label = one('b', group), said = titleOf(group);
    group.setAttribute('role', 'button');
    group.setAttribute('aria-label', said);
    return {
      group, frame, label, said, start, stage: group.dataset.s,
      end: start + parseFloat(frame.getAttribute('width')) / 100, top: +frame.getAttribute('y'), shown: true,
    };
  });
  const back = one('#ic-out');
  let from = 0, to = 1, pixels = 0, current = boxes[0];
  const ROOM_FOR_LETTERS = 44;
  const lay = () => {
    const span = to - from;
    for (const box of boxes) {
      const left = Math.max(0, (box.start - from) / span), right = Math.min(1, (box.end - from) / span);
      box.shown = right - left > 1e-4;
      box.frame.setAttribute('visibility', box.shown ? 'visible' : 'hidden');
      if (!box.shown) continue;
      box.frame.setAttribute('x', `${100 * left}%`);
      box.frame.setAttribute('width', `${100 * (right - left)}%`);
      box.label.hidden = (right - left) * pixels < ROOM_FOR_LETTERS;
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
  const ON_PAPER = 640;
  let onScreen = 0;
  addEventListener('beforeprint', () => { onScreen = pixels; pixels = Math.min(pixels || ON_PAPER, ON_PAPER); zoomTo(0, 1); });
  addEventListener('afterprint', () => { pixels = onScreen; lay(); });
  document.addEventListener('keydown', event => { if (event.key === 'Escape') zoomTo(0, 1); });
  // Told by the browser once it knows: asking for the width would have it lay out the page in between.
  new ResizeObserver(([seen]) => { pixels = seen.contentRect.width; lay(); }).observe(chart);
}


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

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


// ---- diagram: larger, smaller -------------------------------------------------------------------------------------
const READABLE = 0.8;  // of 12 px letters
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
  // Where a page shows but a part of it, and all of it can still be read, or the page is a telephone's, it begins whole.
  const whole = one('main').clientWidth / width;
  if (whole < 1 && (whole >= READABLE || matchMedia('(max-width: 600px)').matches)) set(steps.fit());
  for (const button of all('#hs-zoom button')) button.addEventListener('click', () => set(steps[button.dataset.z]()));
}


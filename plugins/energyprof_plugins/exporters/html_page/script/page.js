'use strict';
// Everything is on the page already; the scripts add sorting, filtering, zooming and one selection across all parts.
const all = (what, where = document) => [...where.querySelectorAll(what)];
const one = (what, where = document) => where.querySelector(what);
const svg = (tag, attributes) => {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  return made;
};
const say = one('#say');
const tell = text => { say.textContent = text; };
const titleOf = element => { const title = element && one('title', element); return title ? title.textContent : ''; };
function activated(element, go) {
  element.addEventListener('click', go);
  element.addEventListener('keydown', event => {
    if (event.target !== element || (event.key !== 'Enter' && event.key !== ' ')) return;
    event.preventDefault();
    go();
  });
}
for (const hidden of all('[hidden]')) hidden.hidden = false;


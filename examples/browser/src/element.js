// Elements of the page. Text becomes text, never markup: there is no other way in here.

/**
 * An element with attributes and children. A child is a text, an element, or null for none; of the
 * attributes `class`, `on` (listeners by event) and `data` (data-* by name) are as they read.
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === 'on') {
      for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    } else if (key === 'data') {
      Object.assign(made.dataset, value);
    } else {
      made.setAttribute(key, value === true ? '' : value);
    }
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

/** The element of the page that has this id. */
export const byId = (id) => document.getElementById(id);

/** Puts children in place of what an element has. */
export function fill(parent, ...children) {
  parent.replaceChildren(...children.flat().filter((child) => child !== null));
}

/** A block of text in which each character counts, cut where it is too long to look at. */
export function block(text, attributes = {}) {
  const cut = text.length > BLOCK_CHARS_MAX;
  const shown = cut
    ? `${text.slice(0, BLOCK_CHARS_MAX)}\n… cut here: ${text.length - BLOCK_CHARS_MAX} more`
    : text;
  return element('pre', { tabindex: '0', ...attributes }, element('code', {}, shown));
}

/** A table of rows of cells; a cell is a text or an element. */
export function table(caption, head, rows) {
  return element(
    'div',
    { class: 'stacks', role: 'region', 'aria-label': caption },
    element(
      'table',
      {},
      element('caption', { class: 'unseen' }, caption),
      element(
        'thead',
        {},
        element(
          'tr',
          {},
          head.map((cell) => element('th', { scope: 'col' }, cell)),
        ),
      ),
      element('tbody', {}, rows),
    ),
  );
}

/** A part that is folded until asked for; what it holds is made when it is first opened. */
export function folded(summary, content, attributes = {}) {
  const made = element('details', attributes, element('summary', {}, summary));
  const open = () => {
    if (made.open && made.childElementCount === 1) made.append(content());
  };
  made.addEventListener('toggle', open);
  open();
  return made;
}

const BLOCK_CHARS_MAX = 100_000;

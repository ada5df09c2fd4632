// The events of a batch, in every form that the component can give them.

import { FORMATS } from './configuration.js';
import { block, element, folded } from './element.js';
import { indented } from './json_text.js';
import { ofNanos } from './moment.js';

const EVENTS_SHOWN_MAX = 100;
const ALL = 'all four';

/** `forms` has for each form the events of the same page; `own` is the form that was polled. */
export function eventList(forms, own) {
  const events = forms[own];
  if (events.length === 0) return element('p', { id: 'events' }, 'No event in this batch.');
  let form = own;
  const list = element('div', { class: 'events' });
  const show = () => {
    const shown = form === ALL ? FORMATS : [form];
    list.replaceChildren(
      ...events
        .slice(0, EVENTS_SHOWN_MAX)
        .map((event, index) => oneEvent(event, index, shown, forms)),
    );
  };
  show();
  const left = events.length - EVENTS_SHOWN_MAX;
  return element(
    'div',
    { id: 'events' },
    choice(own, (chosen) => {
      form = chosen;
      show();
    }),
    list,
    left > 0 ? element('p', { class: 'hint' }, `${left} more events are not shown.`) : null,
  );
}

function choice(own, choose) {
  return element(
    'fieldset',
    { class: 'choice' },
    element('legend', {}, 'the form to look at (polled was ', element('code', {}, own), ')'),
    [...FORMATS, ALL].map((form) =>
      element(
        'label',
        {},
        element('input', {
          type: 'radio',
          name: 'form',
          value: form,
          checked: form === own,
          on: { change: () => choose(form) },
        }),
        element('span', {}, form),
      ),
    ),
  );
}

function oneEvent(event, index, shown, forms) {
  const time = event.time === undefined ? 'no readable time' : ofNanos(event.time);
  return folded(
    element(
      'span',
      {},
      element('span', { class: 'number' }, `${index + 1}`),
      element('span', { class: 'when' }, time),
      element('span', { class: 'about' }, about(forms.raw?.[index]?.body ?? event.body)),
    ),
    () =>
      element(
        'div',
        {},
        element('p', { class: 'line' }, 'id ', element('code', { data: { part: 'id' } }, event.id)),
        element(
          'p',
          { class: 'line' },
          'kind ',
          element('code', { data: { part: 'event-kind' } }, event.kind),
        ),
        element(
          'div',
          { class: shown.length > 1 ? 'forms' : 'form' },
          shown.map((form) => body(form, forms[form]?.[index]?.body, shown.length > 1)),
        ),
      ),
    { class: 'event', open: index === 0, data: { event: String(index) } },
  );
}

const body = (form, text, isTitled) =>
  element(
    'div',
    { data: { form } },
    isTitled ? element('h5', {}, form) : null,
    text === undefined
      ? element('p', {}, 'There is none in this form.')
      : block(indented(text), { 'aria-label': `Event as ${form}` }),
  );

/** Whom and what a row is about, to know it again. */
function about(raw) {
  try {
    const { senderAddress, recipientAddress, subject } = JSON.parse(raw);
    if (subject === undefined && senderAddress === undefined) return '';
    return `${subject ?? ''} · ${senderAddress ?? '?'} → ${recipientAddress ?? '?'}`;
  } catch {
    return '';
  }
}

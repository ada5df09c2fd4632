// The configuration: the fields of the form, put together to the one JSON text that the component
// gets, and the faults that the component finds in it.

import { byId, element, fill } from './element.js';

/** The forms of an event, by the names that the configuration gives them. */
export const FORMATS = ['raw', 'ecs', 'ocsf_detection_finding', 'ocsf_email_activity'];

const KEYS = {
  hmac: ['access_key', 'secret_key', 'app_id', 'app_key'],
  oauth2: ['client_id', 'client_secret'],
};
const BASE_URLS = {
  hmac: 'https://eu-api.mimecast.com',
  oauth2: 'https://api.services.mimecast.com',
};

const field = (name) => byId(name).value;

/** The type of credentials that is chosen: `hmac` or `oauth2`. */
export const authType = () => document.querySelector('input[name=auth]:checked').value;

/** The keys of that type, by name. */
export const keys = () => Object.fromEntries(KEYS[authType()].map((name) => [name, field(name)]));

/** The form of an event that is chosen. */
export const format = () => field('format');

/**
 * The configuration as the component gets it, with another format if one is given. The settings go
 * in as they are typed, so that the component judges them; null if they are no object at all.
 */
export function configuration(otherFormat = format()) {
  const settings = field('settings').trim();
  if (!settings.startsWith('{') || !settings.endsWith('}') || settings.length < 2) return null;
  const inner = settings.slice(1, -1);
  const head = [
    `"base_url": ${JSON.stringify(field('base_url'))}`,
    `"auth": ${JSON.stringify({ type: authType(), ...keys() })}`,
    `"format": ${JSON.stringify(otherFormat)}`,
  ];
  return `{${head.join(',\n ')}${inner.trim() === '' ? '' : `,${inner}`}}`;
}

/** Shows the fields of the credentials that are chosen, and a base URL that fits. */
export function showCredentials() {
  const chosen = authType();
  for (const type of Object.keys(KEYS)) byId(`keys-${type}`).hidden = type !== chosen;
  const url = byId('base_url');
  if (Object.values(BASE_URLS).includes(url.value)) url.value = BASE_URLS[chosen];
}

/** Asks the component for the faults of the configuration, and shows them. */
export async function showFaults(guest) {
  const text = configuration();
  byId('config-text').textContent = text ?? '';
  const judged = text === null ? { error: [NO_OBJECT] } : await guest.call('validate', [text]);
  if (text !== configuration()) return;
  const faults = judged.error ?? (judged.trap ? [trapped(judged.trap)] : []);
  byId('config-state').textContent =
    faults.length === 0
      ? 'The component finds no fault.'
      : `The component finds ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:`;
  byId('config-state').className = faults.length === 0 ? 'good' : 'bad';
  fill(byId('faults'), faults.map(shown));
  mark(faults);
}

function shown({ path, message, remedy }) {
  return element(
    'li',
    { data: { path } },
    element('code', {}, path === '' ? 'the whole' : path),
    `: ${message}`,
    element('span', { class: 'remedy' }, ` → ${remedy}`),
  );
}

/** Marks the fields that faults are of; all that has no field of its own is of the settings. */
function mark(faults) {
  const faulty = new Set(
    faults.map(({ path }) => {
      const name = path.replace(/^auth\./, '');
      return byId(name)?.form ? name : 'settings';
    }),
  );
  for (const input of document.querySelectorAll('#configuration :is(input, select, textarea)')) {
    if (faulty.has(input.id)) input.setAttribute('aria-invalid', 'true');
    else input.removeAttribute('aria-invalid');
  }
}

const NO_OBJECT = {
  path: '',
  message: 'the settings are no JSON object',
  remedy: 'begin them with { and end them with }',
};
const trapped = (message) => ({
  path: '',
  message: `the component broke off: ${message}`,
  remedy: 'a fresh instance is made; change the settings',
});

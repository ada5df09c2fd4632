// Shows that the browser, not this page's good will, keeps what is typed here in this page.

import { byId } from './element.js';

/** Tries to send a word, and says what became of it. */
export async function tryToSend() {
  let refusal = null;
  const refused = (event) => {
    refusal = event.effectiveDirective;
  };
  document.addEventListener('securitypolicyviolation', refused);
  try {
    await fetch('https://nobody.invalid/', { method: 'POST', body: 'a word', mode: 'no-cors' });
    refusal = null;
  } catch {
    // The event tells why; it may come a little later.
    await new Promise((resolve) => setTimeout(resolve, 50));
  } finally {
    document.removeEventListener('securitypolicyviolation', refused);
  }
  byId('sent').textContent =
    refusal === null
      ? 'The browser did not say that its policy refused it: do not type real keys here.'
      : `Refused by the browser, before anything was sent: ${refusal}.`;
}

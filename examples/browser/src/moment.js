// Points in time: as people write them, as the API does, and as the contract has them.

/** Milliseconds of Unix time of `2026-11-01T00:00:00Z`, or NaN. */
export function millisOf(text) {
  const form = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)$/;
  return form.test(text) ? Date.parse(text.replace(/([+-]\d\d)(\d\d)$/, '$1:$2')) : NaN;
}

/** `2026-11-01T00:00:00Z` */
export function rfc3339(millis) {
  return new Date(millis).toISOString().replace('.000Z', 'Z');
}

/** `2026-11-01T00:00:00Z` of the contract's nanoseconds. */
export const ofNanos = (nanos) => rfc3339(Number(nanos / 1_000_000n));

/** `Sun, 01 Nov 2026 00:00:00 GMT`, as in HTTP's `Date`. */
export const httpDate = (millis) => new Date(millis).toUTCString();

/** `Sun, 01 Nov 2026 00:00:00 UTC`, as in API 1.0's `x-mc-date`. */
export const headerDate = (millis) => httpDate(millis).replace('GMT', 'UTC');

/** `90 s` as `1 min 30 s`. */
export function duration(millis) {
  const secs = Number(millis) / 1000;
  if (secs < 60) return `${secs} s`;
  const rest = secs % 60;
  return `${Math.floor(secs / 60)} min${rest === 0 ? '' : ` ${rest} s`}`;
}

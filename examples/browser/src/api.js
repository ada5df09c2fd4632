// The API that this page plays for the component: it has rows, and gives them page by page.

import { millisOf, httpDate } from './moment.js';
import { VISIBLE_FROM } from './sample.js';

const encoder = new TextEncoder();

/** The headers that every reply of the API has. */
export function headersAt(millis, remaining = 299) {
  return [
    ['Date', httpDate(millis)],
    ['Content-Type', 'application/json'],
    ['X-RateLimit-Limit', '300'],
    ['X-RateLimit-Remaining', String(remaining)],
    ['X-RateLimit-Reset', '3600000'],
  ];
}

/** A reply as the contract has it. */
export function reply(status, headers, body) {
  return {
    status,
    headers: headers.map(([name, value]) => ({ name, value })),
    body: typeof body === 'string' ? encoder.encode(body) : body,
  };
}

/** The page that a get-logs request asks for, of these rows, at this time. */
export function page(rows, request, clockMillis) {
  const asked = request.data?.[0] ?? {};
  const found = rows.filter((row) => isAskedFor(row, asked, clockMillis));
  const order = asked.oldestFirst ? 1 : -1;
  found.sort((a, b) => order * ((a.millis || 0) - (b.millis || 0)));
  const { pageSize = 100, pageToken } = request.meta?.pagination ?? {};
  const next = Number(/^rows-from-(\d+)$/.exec(pageToken ?? '')?.[1] ?? 0);
  // As an API does whose rows may have moved since the page before, it gives its last again.
  const from = pageSize > 1 ? Math.max(next - 1, 0) : next;
  const to = from + pageSize;
  const pagination = { pageSize, totalCount: found.length };
  if (to < found.length) pagination.next = `rows-from-${to}`;
  const meta = JSON.stringify({ status: 200, pagination });
  const logs = found.slice(from, to).map((row) => row.text);
  // Rows are put in as the texts that they are.
  return (
    `{"meta":${meta},"data":[{"resultCount":${found.length},` +
    `"impersonationLogs":[${logs.join(',')}]}],"fail":[]}`
  );
}

function isAskedFor(row, asked, clockMillis) {
  const { value, millis } = row;
  const visibleFrom = VISIBLE_FROM.get(value.id);
  if (visibleFrom !== undefined && clockMillis < millisOf(visibleFrom)) return false;
  if (millis < millisOf(asked.from) || millis > millisOf(asked.to)) return false;
  if (asked.taggedMalicious !== undefined && value.taggedMalicious !== asked.taggedMalicious) {
    return false;
  }
  if (asked.actions && !asked.actions.includes(value.action)) return false;
  if (asked.identifiers && !asked.identifiers.some((id) => value.identifiers?.includes(id))) {
    return false;
  }
  return asked.query === undefined || holdsQuery(value, asked);
}

function holdsQuery(value, { query, searchField = 'all' }) {
  const fields =
    searchField === 'all'
      ? ['senderAddress', 'recipientAddress', 'subject', 'definition']
      : [searchField === 'policy' ? 'definition' : searchField];
  return fields.some((field) =>
    String(value[field] ?? '')
      .toLowerCase()
      .includes(query.toLowerCase()),
  );
}

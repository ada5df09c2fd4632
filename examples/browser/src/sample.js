// Rows in the documented shape, all invented: what the page begins with.

const rows = [
  {
    id: 'MTOKEN:sample-row-0001',
    senderAddress: 'ceo@acrne.example',
    recipientAddress: 'priya@acme.example',
    subject: 'Urgent: invoice 4711',
    definition: 'Default Impersonation Definition',
    hits: 2,
    identifiers: ['similar_internal_domain', 'internal_user_name'],
    action: 'hold',
    taggedExternal: false,
    taggedMalicious: true,
    senderIpAddress: '203.0.113.25',
    eventTime: '2026-11-01T00:05:12+0000',
    messageId: '<0001@mail.acrne.example>',
    impersonationResults: [
      {
        impersonationDomainSource: 'internal',
        similarDomain: 'acrne.example',
        stringSimilarToDomain: 'acme.example',
        checkerResult: 'hit',
      },
    ],
  },
  {
    id: 'MTOKEN:sample-row-0002',
    senderAddress: 'tracking@parcel-desk.example',
    recipientAddress: 'sam@acme.example',
    subject: 'Your parcel could not be delivered',
    definition: 'Default Impersonation Definition',
    hits: 1,
    identifiers: ['newly_observed_domain'],
    action: 'none',
    taggedExternal: true,
    taggedMalicious: false,
    senderIpAddress: '198.51.100.7',
    eventTime: '2026-11-01T00:19:40+0000',
    messageId: '<0002@parcel-desk.example>',
    impersonationResults: [],
  },
  {
    id: 'MTOKEN:sample-row-0003',
    senderAddress: 'Ana Roe <ana.roe@mailbox.example>',
    recipientAddress: 'priya@acme.example',
    subject: 'Are you at your desk?',
    definition: 'Executives by name',
    hits: 1,
    identifiers: ['internal_user_name'],
    action: 'none',
    taggedExternal: true,
    taggedMalicious: false,
    senderIpAddress: '2001:db8::5:21',
    eventTime: '2026-11-01T00:31:02+0000',
    messageId: '<0003@mailbox.example>',
    impersonationResults: [],
  },
  {
    id: 'MTOKEN:sample-row-0004',
    senderAddress: 'Ana Roe <ana.roe@mailbox.example>',
    recipientAddress: 'sam@acme.example',
    subject: 'Are you at your desk?',
    definition: 'Executives by name',
    hits: 1,
    identifiers: ['internal_user_name'],
    action: 'none',
    taggedExternal: true,
    taggedMalicious: false,
    senderIpAddress: '2001:db8::5:21',
    eventTime: '2026-11-01T00:31:02+0000',
    messageId: '<0003@mailbox.example>',
    impersonationResults: [],
  },
  {
    id: 'MTOKEN:sample-row-0005',
    senderAddress: 'buchhaltung@acme-zahlung.example',
    recipientAddress: 'jürgen@acme.example',
    subject: 'Überweisung heute: 1.000 € — 緊急',
    definition: 'Schutz für Geschäftsführer',
    hits: 3,
    identifiers: ['reply_address_mismatch', 'newly_observed_domain', 'targeted_threat_dictionary'],
    action: 'bounce',
    taggedExternal: false,
    taggedMalicious: true,
    senderIpAddress: '203.0.113.99',
    eventTime: '2026-11-01T00:44:55+0000',
    messageId: '<0005@acme-zahlung.example>',
    impersonationResults: [],
  },
  {
    id: 'MTOKEN:sample-row-0006',
    senderAddress: 'it-desk@acme-support.example',
    recipientAddress: 'sam@acme.example',
    subject: 'Your mailbox is full',
    definition: 'Default Impersonation Definition',
    hits: 1,
    identifiers: ['similar_internal_domain'],
    action: 'none',
    taggedExternal: true,
    taggedMalicious: false,
    senderIpAddress: '198.51.100.140',
    eventTime: '2026-11-01T00:51:10+0000',
    messageId: '<0006@acme-support.example>',
    impersonationResults: [],
  },
  {
    id: 'MTOKEN:sample-row-0007',
    senderAddress: 'payroll@acme-benefits.example',
    recipientAddress: 'priya@acme.example',
    subject: 'Payroll: <b>new bank account</b>',
    definition: 'Default Impersonation Definition',
    hits: 2,
    identifiers: ['newly_observed_domain', 'targeted_threat_dictionary'],
    action: 'hold',
    taggedExternal: false,
    taggedMalicious: true,
    senderIpAddress: '203.0.113.60',
    eventTime: '2026-11-01T00:52:30+0000',
    messageId: '<0007@acme-benefits.example>',
    impersonationResults: [],
  },
];

/** The sample as text, a row a line. */
export const SAMPLE = rows.map((row) => JSON.stringify(row)).join('\n');

/** The sample as the body of one reply. */
export const SAMPLE_BODY = `{"meta": {"status": 200},
 "data": [{"resultCount": ${rows.length}, "impersonationLogs": [
${SAMPLE.replaceAll('\n', ',\n')}
]}], "fail": []}`;

/** Rows that the API shows only from this time on: it can be late, out of the order of its rows. */
export const VISIBLE_FROM = new Map([['MTOKEN:sample-row-0006', '2026-11-01T01:00:30Z']]);

/** When the first poll of the sample takes place. */
export const SAMPLE_CLOCK = '2026-11-01T01:00:00Z';

/** The settings that the sample begins with. */
export const SAMPLE_SETTINGS = `{
  "start": "2026-11-01T00:00:00Z",
  "page_size": 4,
  "overlap_secs": 900,
  "filters": {}
}`;

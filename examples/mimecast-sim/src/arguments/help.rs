//! What `--help` says around the flags.

pub(super) const ABOUT: &str = "\
A simulated Mimecast API: TTP Impersonation Protect logs on loopback, with generated rows,
real authorization and faults on demand. For trying a collector without an account, and for tests.";

pub(super) const MORE: &str = "\
It serves, on one address:
  POST /api/ttp/impersonation/get-logs   the API, with API 1.0 signatures or API 2.0
                                         tokens
  POST /oauth/token                      access tokens for the API 2.0 client
  GET  /sim/ledger                       the rows that a client should have, one a line; parameters
                                         from, to, visibleBy, taggedMalicious, searchField, query,
                                         identifiers, actions (lists with commas); unreadable=true
                                         tells the broken rows that nobody can read instead
  GET  /sim/stats                        counts of requests, outcomes and rows

When it is ready it writes one line of JSON to stdout: base_url, access_key, secret_key, app_id,
app_key, client_id, client_secret. The demo credentials are the defaults shown above. They are no
secret and open nothing else. What the token endpoint refuses, it repeats, as the real one may.

STANDING is one of
  good                     everything works
  lapsed                   the API 1.0 keys have lapsed (418)
  not-permitted            the role lacks the permission (403)
  no-product               the API 2.0 application lacks the product (403 app_forbidden)
  other-region             the account lives elsewhere: keys and client are not known (401)

STYLE is any of
  pretty                   line breaks and indentation between tokens
  no-gzip                  never compressed, even if the client accepts it
  bom                      a byte order mark before the JSON of every answer
  empty-data               an empty result or page is \"data\": [], not a block without rows
  no-result-count          no `resultCount`
  dashed-rate-headers      X-Rate-Limit-* instead of X-RateLimit-*
and one of
  bare-last-page           the last page has no `pagination` at all
  endless-pages            its `next` leads to an empty page, which names another `next`, for ever
  endless-same             the same, but an empty page names the token that led to it
  round-tokens             its `next` leads to the first page again
  repeat-last              its `next` leads to the last page again, another token each time
and one of
  shared-ids               every tenth message, a row has the `id` of the one before it
  fresh-ids                every answer has other ids than the ledger and the answers before

FAULT is [first:|later:|token:]KIND=WHEN, and --fault can be repeated. `first:` and `later:` limit
it to requests without and with a page token; `token:` moves it to the token endpoint, where KIND is
one from 429 to oversized. WHEN is a share (5%), every:7 or nth:3. KIND is one of
  429                      rate limit (--fault-reset-ms, --fault-retry-after-secs)
  500 502 503 504 509      this status; 509 with an empty body
  429-date 503-date        this status, with Retry-After as a date (--fault-retry-after-secs)
  html                     503 with an HTML page
  forbidden-html           403 with the HTML page of a firewall
  unauthorized-html        401, likewise
  drop, cut                the connection ends without an answer, or in its middle
  slow                     the answer comes late (--fault-delay-ms)
  garbage                  HTTP 200 with what is not JSON
  cut-json                 the JSON ends in its middle, its length as announced
  oversized                an answer far too long (--fault-oversized-bytes)
  fail, fail-retryable     HTTP 200 with a `fail`, final or retryable
  meta-status              HTTP 200 with meta.status 500
  token-expired            401 token_expired though the access token is good (API 2.0)
  token-unverified         401 token_verification_failed (API 2.0)
  dead-token, same-token   a page token is refused, or comes back as its own `next`
  empty-page               a page without rows; its `next` leads to those that belong there
  out-of-order             the rows of a page are shuffled
No fault changes the ledger. The same seed gives the same rows and faults.

Examples:
  mimecast-sim --rows 2000 --span 5d
  mimecast-sim --port 8025 --live-rate 120 --fault 503=5% --fault dead-token=every:10
  mimecast-sim --access-token-life-secs 60 --fault token-expired=5% --fault token:503=nth:2";

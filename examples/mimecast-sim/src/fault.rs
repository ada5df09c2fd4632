//! What goes wrong, and when: every fault is decided by the seed, so a run can be repeated.

use std::str::FromStr;

use fastrand::Rng;

/// Something that goes wrong with one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 429, not executed.
    RateLimit {
        /// What `X-RateLimit-Reset` says, in milliseconds.
        reset_ms: u64,
        /// What `Retry-After` says, in seconds; none leaves it out.
        retry_after_secs: Option<u64>,
    },
    /// This status, not executed; 509 comes with an empty body.
    Status(u16),
    /// 503 with an HTML page.
    Html,
    /// 403 with the HTML page of a firewall before the API.
    ForbiddenHtml,
    /// 401, likewise.
    UnauthorizedHtml,
    /// This status, not executed, with `Retry-After` as an HTTP date. Of a 429, `X-RateLimit-Reset` is
    /// 0: the date alone says how long to wait.
    RetryDate {
        /// 429 or 503.
        status: u16,
        /// How far ahead of the server's clock the date is, in seconds.
        after_secs: u64,
    },
    /// The connection is closed without an answer.
    Drop,
    /// The connection is closed in the middle of the answer.
    Cut,
    /// The answer comes late.
    Slow {
        /// How late, in milliseconds.
        delay_ms: u64,
    },
    /// HTTP 200 with a `fail` that says whether it may be tried again.
    Fail {
        /// Whether the `fail` says that it may be tried again.
        retryable: bool,
    },
    /// HTTP 200 with `meta.status` 500 and an empty `fail`.
    MetaStatus,
    /// HTTP 200 with what is not JSON.
    Garbage,
    /// The JSON of the answer ends in its middle, though the answer is as long as it says.
    CutJson,
    /// 401 `token_expired`, though the access token is good. Happens to API 2.0 requests alone.
    TokenExpired,
    /// 401 `token_verification_failed`. Happens to API 2.0 requests alone.
    TokenUnverified,
    /// A page token is refused. Never happens to a first page.
    DeadToken,
    /// A page whose `next` is the token it was asked for with. Never happens to a first page.
    SameToken,
    /// A page without rows, whose `next` leads to those that belong here.
    EmptyPage,
    /// A page whose rows are shuffled.
    OutOfOrder,
    /// An answer far larger than any client should take.
    Oversized {
        /// The length of its body, before compression.
        body_bytes: usize,
    },
}

/// Which of the requests that a rule applies to go wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    /// Each with this probability, from 0 to 1.
    Chance(f64),
    /// Every `n`th.
    Every(u64),
    /// The `n`th alone, from 1.
    Nth(u64),
}

/// Which requests a rule applies to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// All requests for logs.
    #[default]
    Any,
    /// Those without a page token.
    FirstPage,
    /// Those with a page token.
    LaterPage,
    /// Those to the token endpoint instead. Only faults that need no page happen there.
    Token,
}

/// A fault, and when it strikes. Written as `[first:|later:|token:]KIND=WHEN`, where WHEN is `5%`,
/// `every:7` or `nth:3`.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultRule {
    /// What goes wrong.
    pub fault: Fault,
    /// How often.
    pub when: When,
    /// With which requests.
    pub scope: Scope,
}

impl FaultRule {
    /// A rule for all requests for logs that the fault can happen to.
    #[must_use]
    pub fn new(fault: Fault, when: When) -> Self {
        Self { fault, when, scope: Scope::Any }
    }

    /// The same rule for fewer or other requests.
    #[must_use]
    pub fn on(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    fn applies(&self, target: Target) -> bool {
        let (later, bearer) = match target {
            Target::Token => return self.scope == Scope::Token && self.fault.befalls_tokens(),
            Target::Page { later, bearer } => (later, bearer),
        };
        match (&self.fault, self.scope) {
            (_, Scope::Token) => false,
            (Fault::DeadToken | Fault::SameToken, _) => later,
            (Fault::TokenExpired | Fault::TokenUnverified, _) if !bearer => false,
            (_, Scope::Any) => true,
            (_, Scope::FirstPage) => !later,
            (_, Scope::LaterPage) => later,
        }
    }
}

impl FromStr for FaultRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, when) = text
            .split_once('=')
            .ok_or_else(|| format!("{text} is not KIND=WHEN, for example 503=5%"))?;
        let (scope, kind) = match kind.split_once(':') {
            None => (Scope::Any, kind),
            Some(("first", kind)) => (Scope::FirstPage, kind),
            Some(("later", kind)) => (Scope::LaterPage, kind),
            Some(("token", kind)) => (Scope::Token, kind),
            Some((scope, _)) => {
                return Err(format!("no such scope: {scope}; use first, later or token"));
            }
        };
        let fault = parse_kind(kind)?;
        if scope == Scope::Token && !fault.befalls_tokens() {
            return Err(format!(
                "{kind} cannot happen to the token endpoint; --help lists what can"
            ));
        }
        Ok(Self { fault, when: parse_when(when)?, scope })
    }
}

fn parse_kind(kind: &str) -> Result<Fault, String> {
    Ok(match kind {
        "429" => Fault::RateLimit { reset_ms: 1000, retry_after_secs: None },
        "500" => Fault::Status(500),
        "502" => Fault::Status(502),
        "503" => Fault::Status(503),
        "504" => Fault::Status(504),
        "509" => Fault::Status(509),
        "429-date" => Fault::RetryDate { status: 429, after_secs: 3 },
        "503-date" => Fault::RetryDate { status: 503, after_secs: 3 },
        "html" => Fault::Html,
        "forbidden-html" => Fault::ForbiddenHtml,
        "unauthorized-html" => Fault::UnauthorizedHtml,
        "drop" => Fault::Drop,
        "cut" => Fault::Cut,
        "slow" => Fault::Slow { delay_ms: 3000 },
        "fail" => Fault::Fail { retryable: false },
        "fail-retryable" => Fault::Fail { retryable: true },
        "meta-status" => Fault::MetaStatus,
        "garbage" => Fault::Garbage,
        "cut-json" => Fault::CutJson,
        "token-expired" => Fault::TokenExpired,
        "token-unverified" => Fault::TokenUnverified,
        "dead-token" => Fault::DeadToken,
        "same-token" => Fault::SameToken,
        "empty-page" => Fault::EmptyPage,
        "out-of-order" => Fault::OutOfOrder,
        "oversized" => Fault::Oversized { body_bytes: 20 << 20 },
        _ => return Err(format!("no such fault: {kind}; --help lists them")),
    })
}

fn parse_when(when: &str) -> Result<When, String> {
    let whole = |number: &str| number.parse().ok().filter(|&n: &u64| n > 0);
    let parsed = if let Some(percent) = when.strip_suffix('%') {
        percent
            .parse()
            .ok()
            .filter(|p| (0.0..=100.0).contains(p))
            .map(|p: f64| When::Chance(p / 100.0))
    } else if let Some(number) = when.strip_prefix("every:") {
        whole(number).map(When::Every)
    } else if let Some(number) = when.strip_prefix("nth:") {
        whole(number).map(When::Nth)
    } else {
        None
    };
    parsed.ok_or_else(|| format!("{when} is not 5%, every:7 or nth:3"))
}

/// The rules at work, each with its own count and its own source of chance.
pub(crate) struct Faults {
    rules: Vec<(FaultRule, u64, Rng)>,
}

/// What a request is to the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// For logs: whether with a page token, and whether with an access token.
    Page { later: bool, bearer: bool },
    /// For an access token.
    Token,
}

/// What befalls one request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Mishap {
    pub(crate) fault: Option<Fault>,
    pub(crate) delay_ms: u64,
}

impl Faults {
    pub(crate) fn new(rules: Vec<FaultRule>, seed: u64) -> Self {
        let with_rng = |(index, rule)| (rule, 0, Rng::with_seed(seed.wrapping_add(index)));
        Self { rules: (1..).zip(rules).map(with_rng).collect() }
    }

    /// Decides about the next request. The first rule that strikes wins; being slow goes along.
    pub(crate) fn next(&mut self, target: Target) -> Mishap {
        let mut mishap = Mishap::default();
        for (rule, count, rng) in &mut self.rules {
            if !rule.applies(target) {
                continue;
            }
            *count += 1;
            let strikes = match rule.when {
                When::Chance(chance) => rng.f64() < chance,
                When::Every(n) => n > 0 && count.is_multiple_of(n),
                When::Nth(n) => *count == n,
            };
            match (&rule.fault, strikes) {
                (_, false) => {}
                (Fault::Slow { delay_ms }, true) => mishap.delay_ms += delay_ms,
                (fault, true) if mishap.fault.is_none() => mishap.fault = Some(fault.clone()),
                (_, true) => {}
            }
        }
        mishap
    }
}

impl Fault {
    /// Whether it can happen to a request for an access token.
    fn befalls_tokens(&self) -> bool {
        match self {
            Self::RateLimit { .. } | Self::Status(_) | Self::RetryDate { .. } => true,
            Self::Html | Self::ForbiddenHtml | Self::UnauthorizedHtml => true,
            Self::Drop | Self::Cut | Self::Slow { .. } => true,
            Self::Garbage | Self::CutJson | Self::Oversized { .. } => true,
            Self::Fail { .. } | Self::MetaStatus => false,
            Self::TokenExpired | Self::TokenUnverified | Self::DeadToken | Self::SameToken => false,
            Self::EmptyPage | Self::OutOfOrder => false,
        }
    }

    /// Its name in outcomes and flags.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::RateLimit { .. } => "429".to_owned(),
            Self::Status(status) => status.to_string(),
            Self::RetryDate { status, .. } => format!("{status}-date"),
            Self::Html => "html".to_owned(),
            Self::ForbiddenHtml => "forbidden-html".to_owned(),
            Self::UnauthorizedHtml => "unauthorized-html".to_owned(),
            Self::Drop => "drop".to_owned(),
            Self::Cut => "cut".to_owned(),
            Self::Slow { .. } => "slow".to_owned(),
            Self::Fail { retryable: false } => "fail".to_owned(),
            Self::Fail { retryable: true } => "fail-retryable".to_owned(),
            Self::MetaStatus => "meta-status".to_owned(),
            Self::Garbage => "garbage".to_owned(),
            Self::CutJson => "cut-json".to_owned(),
            Self::TokenExpired => "token-expired".to_owned(),
            Self::TokenUnverified => "token-unverified".to_owned(),
            Self::DeadToken => "dead-token".to_owned(),
            Self::SameToken => "same-token".to_owned(),
            Self::EmptyPage => "empty-page".to_owned(),
            Self::OutOfOrder => "out-of-order".to_owned(),
            Self::Oversized { .. } => "oversized".to_owned(),
        }
    }
}

//! Generated mail: message number `n` of a seed is always the same message, so that a million rows
//! need no more memory than their numbers.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;

use crate::date::api_date;
use crate::world::filters::Facets;

/// A generated message, as one of its recipients got it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mail {
    pub(crate) message: u32,
    pub(crate) recipient: u8,
}

/// What every row of one message shares.
pub(crate) struct Message {
    sender_local: String,
    sender_domain: &'static str,
    sender_ip: String,
    subject: String,
    definition: &'static str,
    identifiers: Vec<&'static str>,
    action: &'static str,
    tagged_external: bool,
    tagged_malicious: bool,
    mime_id: String,
    spelling: Spelling,
    rng: Rng,
}

/// How many recipients message `number` has.
pub(crate) fn recipients(seed: u64, number: u32) -> u8 {
    match rng(seed, number, Purpose::Recipients).u8(..100) {
        0..70 => 1,
        70..85 => 2,
        85..93 => 3,
        93..98 => 5,
        _ => 12,
    }
}

impl Message {
    pub(crate) fn new(seed: u64, number: u32) -> Self {
        let mut rng = rng(seed, number, Purpose::Message);
        let given = pick(&mut rng, GIVEN_NAMES);
        let family = pick(&mut rng, FAMILY_NAMES);
        let first = rng.usize(..IDENTIFIERS.len());
        let hits = [1, 1, 2, 2, 3][rng.usize(..5)];
        let tagged_malicious = rng.u8(..10) < 3;
        let topic = pick(&mut rng, SUBJECTS);
        let subject = match rng.u8(..4) {
            0 => format!("Re: {topic}"),
            1 => format!("{topic} #{}", rng.u16(1000..)),
            _ => topic.to_owned(),
        };
        Self {
            sender_local: format!("{given}.{family}{}", rng.u8(1..100)),
            sender_domain: pick(&mut rng, SENDER_DOMAINS),
            sender_ip: format!("203.0.113.{}", rng.u8(1..255)),
            subject,
            definition: pick(&mut rng, DEFINITIONS),
            identifiers: (0..hits).map(|i| IDENTIFIERS[(first + i) % IDENTIFIERS.len()]).collect(),
            action: match rng.u8(..10) {
                0..5 => "none",
                5..8 => "hold",
                8 => "bounce",
                _ => pick(&mut rng, RARE_ACTIONS),
            },
            tagged_external: rng.u8(..10) < 7,
            tagged_malicious,
            mime_id: format!(
                "<{:08x}.{:012x}@mail.{}>",
                rng.u32(..),
                rng.u64(..1 << 48),
                pick(&mut rng, SENDER_DOMAINS)
            ),
            spelling: match rng.u8(..8) {
                0 => Spelling::Escaped,
                _ => Spelling::Plain,
            },
            rng,
        }
    }

    /// What filters look at, for one recipient of the message.
    pub(crate) fn facets(&self, recipient: u8) -> Facets {
        Facets {
            sender_address: self.sender(),
            recipient_address: self.recipient(recipient),
            subject: self.subject.clone(),
            definition: self.definition.to_owned(),
            identifiers: self.identifiers.iter().map(|&name| name.to_owned()).collect(),
            action: self.action.to_owned(),
            tagged_malicious: self.tagged_malicious,
        }
    }

    /// The row of one recipient: JSON on one line.
    pub(crate) fn row(&self, id: &str, recipient: u8, event_secs: i64) -> String {
        let s = |text: &str| quoted(text, self.spelling);
        let listed: Vec<String> = self.identifiers.iter().map(|name| s(name)).collect();
        let results: Vec<String> = self.identifiers.iter().map(|name| self.result(name)).collect();
        format!(
            concat!(
                r#"{{"id":{},"senderAddress":{},"recipientAddress":{},"subject":{},"#,
                r#""definition":{},"hits":{},"identifiers":[{}],"action":{},"#,
                r#""taggedExternal":{},"taggedMalicious":{},"senderIpAddress":{},"#,
                r#""eventTime":{},"messageId":{},"impersonationResults":[{}]}}"#
            ),
            s(id),
            s(&self.sender()),
            s(&self.recipient(recipient)),
            s(&self.subject),
            s(self.definition),
            listed.len(),
            listed.join(","),
            s(self.action),
            self.tagged_external,
            self.tagged_malicious,
            s(&self.sender_ip),
            s(&api_date(event_secs)),
            s(&self.mime_id),
            results.join(",")
        )
    }

    fn sender(&self) -> String {
        format!("{}@{}", self.sender_local, self.sender_domain)
    }

    fn recipient(&self, recipient: u8) -> String {
        // Twelve recipients of one message are twelve names of this list of sixteen.
        let start = self.rng.clone().usize(..GIVEN_NAMES.len());
        let index = (start + usize::from(recipient)) % GIVEN_NAMES.len();
        format!("{}@acme.example", GIVEN_NAMES[index])
    }

    fn result(&self, identifier: &str) -> String {
        let s = |text: &str| quoted(text, self.spelling);
        let mut out = format!(r#"{{"impersonationDomainSource":{}"#, s(identifier));
        if identifier.ends_with("domain") {
            out.push_str(r#","similarDomain":"#);
            out.push_str(&s(self.sender_domain));
        }
        out.push_str(r#","stringSimilarToDomain":"#);
        out.push_str(&s("acme.example"));
        if self.tagged_malicious {
            out.push_str(r#","checkerResult":"hit""#);
        }
        out.push('}');
        out
    }
}

/// How the strings of a row are written: JSON allows many spellings of one text.
#[derive(Clone, Copy)]
enum Spelling {
    /// UTF-8, escapes only where JSON needs them.
    Plain,
    /// `\uXXXX` for all that is not ASCII, `\/` for a slash.
    Escaped,
}

fn quoted(text: &str, spelling: Spelling) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match (c, spelling) {
            ('"' | '\\', _) | ('/', Spelling::Escaped) => {
                out.push('\\');
                out.push(c);
            }
            ('\t', _) => out.push_str("\\t"),
            ('\n', _) => out.push_str("\\n"),
            (c, spelling)
                if c.is_control() || (!c.is_ascii() && matches!(spelling, Spelling::Escaped)) =>
            {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            (c, _) => out.push(c),
        }
    }
    out.push('"');
    out
}

/// `MTOKEN:` and base64 of what looks like compressed data; unique for each row of a seed.
pub(crate) fn row_id(seed: u64, mail: Mail) -> String {
    let mut rng = rng(seed, mail.message, Purpose::Id(mail.recipient));
    let mut bytes = vec![0; rng.usize(114..163)];
    rng.fill(&mut bytes);
    bytes[..2].copy_from_slice(&[0x78, 0x9c]);
    bytes[2..6].copy_from_slice(&mail.message.to_be_bytes());
    bytes[6] = mail.recipient;
    format!("MTOKEN:{}", STANDARD.encode(bytes))
}

#[derive(Clone, Copy)]
enum Purpose {
    Recipients,
    Message,
    Id(u8),
}

/// A source of chance of its own for each message and purpose.
fn rng(seed: u64, number: u32, purpose: Purpose) -> Rng {
    let purpose = match purpose {
        Purpose::Recipients => 1,
        Purpose::Message => 2,
        Purpose::Id(recipient) => 3 + u64::from(recipient),
    };
    let mut mixed = seed ^ 0x9e37_79b9_7f4a_7c15;
    for part in [u64::from(number), purpose] {
        mixed = (mixed ^ part).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^= mixed >> 29;
    }
    Rng::with_seed(mixed)
}

fn pick<'a>(rng: &mut Rng, list: &[&'a str]) -> &'a str {
    list[rng.usize(..list.len())]
}

const GIVEN_NAMES: &[&str] = &[
    "amara", "bjoern", "chen", "dalia", "emre", "fatima", "goran", "hanna", "ines", "jonas",
    "kaito", "lucia", "mateo", "nadia", "olga", "priya",
];
const FAMILY_NAMES: &[&str] =
    &["okafor", "lindqvist", "wei", "haddad", "yilmaz", "novak", "schmidt", "rossi", "tanaka"];
const SENDER_DOMAINS: &[&str] = &[
    "acrne.example",
    "acme-billing.example",
    "acme.example.net",
    "gl0bex.example",
    "xn--acm-dma.example",
    "mailer.example.org",
];
const DEFINITIONS: &[&str] = &[
    "Default Impersonation Definition",
    "VIP Impersonation - Board",
    "Lieferanten: \u{fc}berpr\u{fc}fte Absender",
    "Finance \"CEO fraud\" / strict",
];
const IDENTIFIERS: &[&str] = &[
    "newly_observed_domain",
    "internal_user_name",
    "reply_address_mismatch",
    "targeted_threat_dictionary",
    "similar_internal_domain",
    "custom_external_domain",
    "custom_name_list",
];
const RARE_ACTIONS: &[&str] = &["delete", "smart_folder", "secure_delivery", "stationery"];
const SUBJECTS: &[&str] = &[
    "Invoice overdue",
    "Urgent: wire transfer today",
    "Your \"account\" needs attention",
    "Rechnung f\u{fc}r M\u{e4}rz \u{2013} \u{dc}berweisung",
    "\u{8acb}\u{6c42}\u{66f8}\u{306e}\u{3054}\u{78ba}\u{8a8d}",
    "\u{421}\u{440}\u{43e}\u{447}\u{43d}\u{44b}\u{439} \u{43f}\u{43b}\u{430}\u{442}\u{435}\u{436}",
    "\u{641}\u{627}\u{62a}\u{648}\u{631}\u{629} \u{645}\u{633}\u{62a}\u{62d}\u{642}\u{629}",
    "Gift cards \u{1f381} for the team \u{1f389}",
    "Scan saved to C:\\Users\\new\\",
    "Path //files/share \\\\server\\q1",
    "Tabs\tand\nlines",
    "Payroll change request",
    "Quick task, are you at your desk?",
    "{\"not\": [\"json\", 1]}, ]}",
    "",
];

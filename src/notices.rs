//! What a person is told besides events and errors, and what they were told already: a state that
//! lasts is told when it begins, and once an hour while it lasts.

use std::fmt::Write as _;

use crate::contract::source::Notice;
use crate::json::record::{Members, Record};
use crate::timestamp::Second;

/// The notices of one poll.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    /// What happened just now, and is told for itself.
    happened: Vec<Notice>,
    /// Departures from what is documented, each a state that may last.
    departures: Vec<Notice>,
}

/// Which departures were told of, by their codes. At most sixteen. (I5)
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Departures(Vec<Entry>);

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Entry {
    code: String,
    /// When it was seen first, by the host's clock.
    since: Second,
    /// When a person was told last.
    at: Second,
}

impl Notices {
    pub(crate) fn happened(&mut self, notice: Notice) {
        self.happened.push(notice);
    }

    /// Something that the API does and that is not as documented: what, and what is done about it.
    pub(crate) fn departs(&mut self, code: &'static str, message: impl Into<String>) {
        self.departures.push(Notice::warn(code, message));
    }

    /// All of them, for somebody who asks once.
    pub(crate) fn into_all(self) -> Vec<Notice> {
        [self.happened, self.departures].concat()
    }

    /// Those that a person has not just been told of.
    pub(crate) fn into_news(self, told: &mut Departures, now: Second) -> Vec<Notice> {
        let mut news = self.happened;
        for mut notice in self.departures {
            if let Some(since) = told.admit(notice.code, now) {
                if since < now {
                    let _ = write!(notice.message, "; so since {since}");
                }
                news.push(notice);
            }
        }
        news
    }
}

impl Departures {
    /// Since when, if it is to be told now.
    fn admit(&mut self, code: &str, now: Second) -> Option<Second> {
        let since = match self.0.iter().position(|entry| entry.code == code) {
            None => now,
            Some(place) => match now - self.0[place].at {
                0..TOLD_AGAIN_SECS => return None,
                TOLD_AGAIN_SECS..OVER_SECS => self.0.remove(place).since,
                _ => {
                    self.0.remove(place);
                    now
                }
            },
        };
        if self.0.len() == ENTRIES_MAX {
            self.0.remove(0);
        }
        self.0.push(Entry { code: code.to_owned(), since, at: now });
        Some(since)
    }
}

impl Record for Departures {
    fn members(&mut self, members: &mut Members<'_>) {
        members.seldom("told", &mut self.0);
        members.ensure("told", self.0.len() <= ENTRIES_MAX);
    }
}

impl Record for Entry {
    fn members(&mut self, members: &mut Members<'_>) {
        members.always("code", &mut self.code);
        members.ensure("code", self.code.len() <= CODE_BYTES_MAX);
        members.always("since", &mut self.since);
        members.always("at", &mut self.at);
    }
}

const TOLD_AGAIN_SECS: i64 = 60 * 60;
/// What was not seen for so long begins anew.
const OVER_SECS: i64 = 2 * 24 * 60 * 60;
const ENTRIES_MAX: usize = 16;
const CODE_BYTES_MAX: usize = 64;

#[cfg(test)]
impl Departures {
    /// Whose text is as long as any can be.
    pub(crate) fn largest(far: Second) -> Self {
        let most = Entry { code: "\0".repeat(CODE_BYTES_MAX), since: far, at: far };
        Self(vec![most; ENTRIES_MAX])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::record::Value as _;
    use crate::json::value::Json;

    fn news(told: &mut Departures, now: i64) -> Vec<String> {
        let mut notices = Notices::default();
        notices.departs("a", "it departs");
        let news = notices.into_news(told, Second::new(now));
        news.into_iter().map(|notice| notice.message).collect()
    }

    #[test]
    fn what_lasts_is_told_at_once_then_hourly_with_its_beginning() {
        let mut told = Departures::default();
        assert_eq!(news(&mut told, 100), ["it departs"]);
        for now in [100, 160, 3_699] {
            assert_eq!(news(&mut told, now), [""; 0], "{now}");
        }
        assert_eq!(news(&mut told, 3_700), ["it departs; so since 1970-01-01T00:01:40Z"]);
        assert_eq!(news(&mut told, 3_701), [""; 0]);
        // Days later it begins anew, and so it does if the clock was set back.
        assert_eq!(news(&mut told, 3_700 + OVER_SECS), ["it departs"]);
        assert_eq!(news(&mut told, 50), ["it departs"]);
    }

    #[test]
    fn the_memory_is_bounded_and_decoding_undoes_encoding() {
        let mut told = Departures::default();
        for n in 0..40 {
            assert!(told.admit(&format!("code_{n}"), Second::new(n)).is_some());
        }
        assert_eq!(told.0.len(), ENTRIES_MAX);
        let mut text = String::new();
        told.write(&mut text);
        let read = |text: &str| {
            let mut read = Departures::default();
            read.read(Json::parse(text).unwrap()).map(|()| read)
        };
        assert_eq!(read(&text), Ok(told));
        let one_more = text.replacen(
            '[',
            r#"[{"code":"a","since":"1970-01-01T00:00:00Z","at":"1970-01-01T00:00:00Z"},"#,
            1,
        );
        assert_eq!(read(&one_more), Err(".told: not what was written".to_owned()));
    }
}

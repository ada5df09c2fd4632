//! What is asked again in the same poll: less, or up to another time, or the same of another node.

use crate::clock::is_jump;
use crate::contract::http::Request;
use crate::contract::step::Moment;
use crate::poll::origin::Origin;
use crate::poll::{Poll, page_request};
use crate::position::cursor::Pass;
use crate::position::underway::Underway;
use crate::reply::cause::{About, Cause};
use crate::timestamp::Second;

impl Poll<'_> {
    /// A first poll that is not told where to start has no clock but the host's: before that is given
    /// up, another answer is to say so too.
    pub(super) fn another_look(&mut self, date: Option<Second>, at: Moment) -> Option<Request> {
        let offset_secs = date? - at.second();
        let before = self.exchange.dates_before.last();
        let is_confirmed =
            before.is_some_and(|before| !is_jump(*before - at.second(), offset_secs));
        if self.origin != Origin::Clock || is_confirmed || !is_jump(offset_secs, 0) {
            return None;
        }
        // Signed as before: that was good.
        self.exchange.again(date, at, self.exchange.clock_offset_secs())
    }

    /// The same question once more, if its end lay ahead of the API's clock and that can be why it was
    /// refused.
    pub(super) fn up_to_the_api_clock(
        &mut self,
        cause: &Cause,
        date: Option<Second>,
        at: Moment,
    ) -> Option<Request> {
        let Underway { position, pass } = &mut self.underway;
        let window = &pass.window;
        let date = date.filter(|date| (window.from + 1..window.to).contains(date))?;
        if cause.about != About::Question || window.token.is_some() {
            return None;
        }
        let offset_secs = date - at.second();
        let known = position.clock.offset_secs;
        if !is_jump(offset_secs, known) {
            // To the second, since it minds each of them.
            position.clock.offset_secs = offset_secs;
        } else if self.origin == Origin::Stored && self.exchange.is_first_try() {
            // One node's clock may be off: the next one is asked the same.
            return self.exchange.again(Some(date), at, known);
        }
        self.end_by(date);
        self.ask_again(Some(date), at, offset_secs)
    }

    /// Asks no further than this, if the window is not under way already.
    pub(super) fn end_by(&mut self, date: Second) {
        let Pass { window, end, .. } = &mut self.underway.pass;
        if window.token.is_none() && (window.from + 1..window.to).contains(&date) {
            window.to = date;
            *end = date.min(*end);
            self.exchange.ask(page_request(&self.underway, self.exchange.config));
        }
    }

    /// A shorter question at once, where a first poll was not answered: it has no cursor to remember
    /// that in.
    pub(super) fn ask_less(&mut self, date: Option<Second>, at: Moment) -> Option<Request> {
        if !self.underway.ask_less_at_first(at.second()) {
            return None;
        }
        self.ask_again(date, at, self.exchange.clock_offset_secs())
    }

    pub(super) fn ask_again(
        &mut self,
        date: Option<Second>,
        at: Moment,
        offset_secs: i64,
    ) -> Option<Request> {
        self.exchange.ask(page_request(&self.underway, self.exchange.config));
        self.exchange.again(date, at, offset_secs)
    }
}

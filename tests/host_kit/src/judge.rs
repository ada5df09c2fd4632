//! What went wrong in a scenario, in sentences.

pub mod exchanges;
pub mod pages;
pub mod requests;

use crate::output::Output;
use crate::scenario::Pages;
use crate::server::request::Request;

/// What was seen of a host, beside what it wrote out.
#[derive(Default)]
pub struct Witness {
    /// The requests, in the order in which they came.
    pub seen: Vec<Request>,
    /// Of each start after a kill: the page that was asked for first.
    pub back: Vec<usize>,
    /// What went wrong already.
    pub faults: Vec<String>,
}

impl Witness {
    /// Notes what a host that was killed asks for first: all that came before it must be there.
    pub(crate) fn back(&mut self, page: usize, pages: &Pages, output: &Output) {
        let lost = pages::missing(pages, output).filter(|(lost, _)| *lost < page).count();
        if lost > 0 {
            let fault = format!(
                "after a kill page {page} is asked for, and {lost} events before it are lost"
            );
            self.faults.push(fault);
        }
        self.back.push(page);
    }
}

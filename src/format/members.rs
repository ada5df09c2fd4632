//! The members of a row, each as it is written: a format takes those that it has a place for, and
//! passes on what is left.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::json::walk::Walk;
use crate::json::writer::JsonWriter;
use crate::row::{FIELDS, Field, Member, Row};

/// The members of a row, and which of them no format has taken yet.
pub(crate) struct Members<'a> {
    all: Cow<'a, [Member]>,
    /// Where those are that a format may look for.
    places: [Option<usize>; FIELDS],
    /// Which of these it has taken.
    is_taken: [bool; FIELDS],
    row: &'a Row<'a>,
}

/// A member that is a string.
pub(crate) struct Text<'a> {
    /// As it is written, quotes included.
    pub(crate) written: &'a str,
    /// What it says. Borrowed where that is what is written, without an escape.
    pub(crate) said: Cow<'a, str>,
    field: Field,
}

impl<'a> Members<'a> {
    pub(crate) fn of(row: &'a Row<'a>) -> Self {
        let all = row.members();
        let mut places = [None; FIELDS];
        for (index, member) in all.iter().enumerate() {
            // Of two with the same name the last one counts, as it does for most who read JSON.
            if let Some(field) = member.field {
                places[field as usize] = Some(index);
            }
        }
        Self { all, places, is_taken: [false; FIELDS], row }
    }

    /// A member as it is written. It is left.
    pub(crate) fn json(&self, field: Field) -> Option<&'a str> {
        self.places[field as usize].map(|index| self.row.value(&self.all[index]))
    }

    /// A member that is a string of common length. It is left, until it is taken.
    ///
    /// Longer ones are none: what a schema wants in several places must not make an event many times
    /// as long as its row. (I5)
    pub(crate) fn text(&self, field: Field) -> Option<Text<'a>> {
        let member = &self.all[self.places[field as usize]?];
        let written = self.row.value(member);
        if written.len() > TEXT_BYTES_MAX {
            return None;
        }
        Some(Text { written, said: self.row.said(member)?, field })
    }

    /// A member that is a list of strings, and of common length, as it is written. It is left.
    pub(crate) fn texts(&self, field: Field) -> Option<&'a str> {
        let written = self.json(field).filter(|written| written.len() <= TEXT_BYTES_MAX)?;
        let mut are_texts = true;
        let walked = Walk::of(written).array(|walk| {
            are_texts &= walk.written_or_skip()?.is_some_and(|text| text.read().is_some());
            Ok(())
        });
        (walked.is_ok() && are_texts).then_some(written)
    }

    /// What a member says has its place now.
    pub(crate) fn take(&mut self, text: &Text<'_>) {
        self.is_taken[text.field as usize] = true;
    }

    /// A member that is a string, and has its place now.
    pub(crate) fn take_text(&mut self, field: Field) -> Option<Text<'a>> {
        let text = self.text(field)?;
        self.take(&text);
        Some(text)
    }

    /// The same, as it is written. Spares reading what it says.
    pub(crate) fn take_written(&mut self, field: Field) -> Option<&'a str> {
        let member = &self.all[self.places[field as usize]?];
        let written = self.row.value(member);
        let is_text = written.len() <= TEXT_BYTES_MAX && self.row.is_text(member);
        self.is_taken[field as usize] |= is_text;
        is_text.then_some(written)
    }

    /// The sender's address, if it is an address of the Internet, and not longer than a schema has it.
    /// It has its place then.
    pub(crate) fn ip_address(&mut self, bytes_max: usize) -> Option<Text<'a>> {
        let text = self.text(Field::SenderIpAddress).filter(|text| text.said.len() <= bytes_max)?;
        text.said.parse::<IpAddr>().ok()?;
        self.take(&text);
        Some(text)
    }

    /// Writes what no place was found for, just as it stands in the row: members that follow each
    /// other there in one go.
    pub(crate) fn write_left(&self, out: &mut JsonWriter) {
        if !self.row.is_object() {
            return out.member(r#""row":"#, self.row.text);
        }
        let mut run: Option<(usize, usize)> = None;
        for (index, member) in self.all.iter().enumerate() {
            let taken = member.field.filter(|field| self.is_taken[*field as usize]);
            let is_left = taken.is_none_or(|field| self.places[field as usize] != Some(index));
            if is_left {
                run = Some((run.map_or(member.start, |(start, _)| start), member.end));
            } else if let Some((start, end)) = run.take() {
                out.members(&self.row.text[start..end]);
            }
        }
        if let Some((start, end)) = run {
            out.members(&self.row.text[start..end]);
        }
    }
}

/// Far longer than an address, a subject or an id is.
pub(crate) const TEXT_BYTES_MAX: usize = 4 * 1_024;

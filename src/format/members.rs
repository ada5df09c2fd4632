//! The members of a row, each as it is written: a format takes those that it has a place for, and
//! passes on what is left.

use std::borrow::Cow;

use crate::row::{FIELDS, Field, Member, Row};
use crate::walk::Walk;

/// The members of a row, and which of them no format has taken yet.
pub(crate) struct Members<'a> {
    all: Cow<'a, [Member<'a>]>,
    /// Where those are that a format may look for.
    places: [Option<usize>; FIELDS],
    /// Which of these it has taken.
    is_taken: [bool; FIELDS],
    /// Of a row that is no object: all of it.
    no_object: Option<&'a str>,
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
    pub(crate) fn of(row: &'a Row<'_>) -> Self {
        let all = row.members();
        let mut places = [None; FIELDS];
        for (index, member) in all.iter().enumerate() {
            // Of two with the same name the last one counts, as it does for most who read JSON.
            if let Some(field) = member.field {
                places[field as usize] = Some(index);
            }
        }
        let no_object = row.fields.is_none().then_some(row.text);
        Self { all, places, is_taken: [false; FIELDS], no_object }
    }

    /// A member as it is written. It is left.
    pub(crate) fn json(&self, field: Field) -> Option<&'a str> {
        self.places[field as usize].map(|index| self.all[index].value)
    }

    /// A member that is a string of common length. It is left, until it is taken.
    ///
    /// Longer ones are none: what a schema wants in several places must not make an event many times
    /// as long as its row. // I5
    pub(crate) fn text(&self, field: Field) -> Option<Text<'a>> {
        let member = &self.all[self.places[field as usize]?];
        if member.value.len() > TEXT_BYTES_MAX {
            return None;
        }
        Some(Text { written: member.value, said: member.said()?, field })
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

    /// What no place was found for: name and value as they are written.
    pub(crate) fn left(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let is_left = |(index, member): &(usize, &Member<'_>)| {
            let taken = member.field.filter(|field| self.is_taken[*field as usize]);
            taken.is_none_or(|field| self.places[field as usize] != Some(*index))
        };
        let members = self.all.iter().enumerate().filter(is_left);
        let members = members.map(|(_, member)| (member.name, member.value));
        members.chain(self.no_object.map(|text| ("row", text)))
    }
}

/// Far longer than an address, a subject or an id is.
const TEXT_BYTES_MAX: usize = 4 * 1_024;

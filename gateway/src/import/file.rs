//! A file of channel messages, one JSON object a line: read, told apart, put into threads and in order, whatever
//! the file's order. What is done with it is `import.rs`'s.

use clew_domain::time::Timestamp;
use serde::Deserialize;
use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Line {
    /// What the channel calls the message.
    pub id: String,
    /// The message that it answers.
    #[serde(default)]
    pub parent: Option<String>,
    /// Who wrote it: a contact's handle, or the account's name.
    pub author: String,
    /// Whether a contact wrote it.
    pub inbound: bool,
    /// When.
    pub ts: Timestamp,
    /// What it says.
    pub text: String,
    /// The account of ours that it was written to or by.
    pub brand: String,
}

/// A message with its place in the file's threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The line's number, counted from 1.
    pub number: usize,
    /// The line.
    pub line: Line,
    /// The first message of its thread, as far as the file tells: the channel's id of it.
    pub root: String,
    /// Whether the file holds that first message.
    pub root_is_here: bool,
    /// The contact's handle.
    pub contact: String,
}

/// A line that can't be taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Its number, counted from 1.
    pub line: usize,
    /// Why, and what to do.
    pub why: String,
}

/// A file, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// How many lines it has, blank ones left out.
    pub lines: usize,
    /// Its distinct messages, in the order in which they are to be taken in.
    pub messages: Vec<Placed>,
    /// How many lines told of a message that another line told already.
    pub repeated: usize,
    /// What can't be taken in.
    pub rejected: Vec<Rejected>,
}

/// Bytes of one line at most.
const LINE_BYTES_MAX: usize = 1024 * 1024;

impl File {
    /// Reads a whole file. A line that is not a message is rejected by its number, and the rest goes on.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut file = Self::default();
        let mut distinct = Messages::new();
        for (number, bytes) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            let bytes = bytes.trim_ascii();
            if bytes.is_empty() {
                continue;
            }
            file.lines += 1;
            match read_line(bytes) {
                Err(why) => file.rejected.push(Rejected { line: number, why }),
                Ok(line) => {
                    let key = (line.brand.clone(), line.id.clone());
                    match distinct.entry(key) {
                        Entry::Vacant(entry) => {
                            entry.insert((number, line));
                        }
                        Entry::Occupied(mut entry) => {
                            file.repeated += 1;
                            if order_key(&line) < order_key(&entry.get().1) {
                                entry.insert((number, line));
                            }
                        }
                    }
                }
            }
        }
        file.place(&distinct);
        file.rejected.sort_by_key(|rejected| rejected.line);
        file
    }

    fn place(&mut self, distinct: &Messages) {
        let ancestries: Vec<_> =
            distinct.values().map(|(number, line)| (*number, line, Ancestry::of(line, distinct))).collect();
        let mut first_contacts: HashMap<(&str, &str), &Line> = HashMap::new();
        for (_, line, ancestry) in ancestries.iter().filter(|(_, line, _)| line.inbound) {
            let first = first_contacts.entry((&line.brand, &ancestry.root)).or_insert(line);
            if order_key(line) < order_key(first) {
                *first = line;
            }
        }
        let mut in_order = Vec::with_capacity(ancestries.len());
        for (number, line, ancestry) in &ancestries {
            let first = || first_contacts.get(&(line.brand.as_str(), ancestry.root.as_str()));
            let Some(contact) = ancestry.contact.or_else(|| first().map(|first| first.author.as_str())) else {
                let why = "it is ours, and the file has no message of a contact in its thread; \
                           add the message that it answers";
                self.rejected.push(Rejected { line: *number, why: why.to_owned() });
                continue;
            };
            in_order.push((ancestry, *number, *line, contact));
        }
        // An answer never comes before what it answers, even if the channel's clock says so.
        in_order.sort_by_key(|(ancestry, _, line, _)| (ancestry.not_before, ancestry.depth, &line.id, &line.brand));
        self.messages = in_order
            .into_iter()
            .map(|(ancestry, number, line, contact)| Placed {
                number,
                line: line.clone(),
                root: ancestry.root.clone(),
                root_is_here: ancestry.root_is_here,
                contact: contact.to_owned(),
            })
            .collect();
    }
}

/// Distinct messages by account and the channel's id, each with the number of its line.
type Messages = HashMap<(String, String), (usize, Line)>;

/// Which of two tellings of one message wins, whatever their order.
fn order_key(line: &Line) -> (Timestamp, Reverse<bool>, &str, &str, Option<&str>) {
    (line.ts, Reverse(line.inbound), &line.author, &line.text, line.parent.as_deref())
}

fn read_line(bytes: &[u8]) -> Result<Line, String> {
    if bytes.len() > LINE_BYTES_MAX {
        return Err(format!("it has {} bytes; at most {LINE_BYTES_MAX} are taken", bytes.len()));
    }
    // What serde_json says of a wrong value may quote it; only the place is told.
    let line: Line = serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => {
            format!("a field is missing or not of its type, at column {}", error.column())
        }
        serde_json::error::Category::Syntax | serde_json::error::Category::Eof | serde_json::error::Category::Io => {
            format!("it is not JSON, at column {}", error.column())
        }
    })?;
    for (name, value) in [("id", &line.id), ("author", &line.author), ("brand", &line.brand)] {
        if value.is_empty() {
            return Err(format!("`{name}` is empty"));
        }
    }
    Ok(line)
}

/// What the messages above one say about it.
struct Ancestry<'a> {
    root: String,
    root_is_here: bool,
    contact: Option<&'a str>,
    depth: usize,
    not_before: Timestamp,
}

impl<'a> Ancestry<'a> {
    fn of(line: &'a Line, distinct: &'a Messages) -> Self {
        let mut seen = HashSet::from([line.id.as_str()]);
        let mut at = line;
        let mut contact = line.inbound.then_some(line.author.as_str());
        let mut not_before = line.ts;
        loop {
            let Some(parent) = &at.parent else {
                return Self { root: at.id.clone(), root_is_here: true, contact, depth: seen.len(), not_before };
            };
            if seen.contains(parent.as_str()) {
                // Messages that answer each other in a circle have no first one: the smallest id stands for it.
                let root = seen.iter().min().expect("it holds the line itself");
                return Self { root: (*root).to_owned(), root_is_here: true, contact, depth: seen.len(), not_before };
            }
            let Some((_, above)) = distinct.get(&(line.brand.clone(), parent.clone())) else {
                return Self { root: parent.clone(), root_is_here: false, contact, depth: seen.len(), not_before };
            };
            seen.insert(&above.id);
            contact = contact.or_else(|| above.inbound.then_some(above.author.as_str()));
            not_before = not_before.max(above.ts);
            at = above;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str, parent: Option<&str>, author: &str, minute: u32) -> String {
        let inbound = author != "Brand";
        let parent = parent.map_or("null".to_owned(), |parent| format!("\"{parent}\""));
        format!(
            r#"{{"source_conv":"x","id":"{id}","parent":{parent},"author":"{author}","inbound":{inbound},"ts":"2020-01-01T00:{minute:02}:00Z","text":"t","brand":"Brand"}}"#
        )
    }

    fn ids(file: &File) -> Vec<&str> {
        file.messages.iter().map(|placed| placed.line.id.as_str()).collect()
    }

    #[test]
    fn order_follows_time_and_never_puts_an_answer_first() {
        let lines = [line("3", Some("9"), "Brand", 1), line("9", None, "ann", 2), line("1", Some("3"), "ann", 5)];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let text = order.map(|index| lines[index].as_str()).join("\n");
            let file = File::parse(text.as_bytes());
            assert_eq!(ids(&file), ["9", "3", "1"]);
            assert!(file.messages.iter().all(|placed| placed.root == "9" && placed.contact == "ann"));
        }
    }

    #[test]
    fn several_contacts_of_one_thread_are_told_apart() {
        let text = [
            line("1", None, "ann", 1),
            line("2", Some("1"), "Brand", 2),
            line("3", Some("2"), "bea", 3),
            line("4", Some("3"), "Brand", 4),
        ];
        let file = File::parse(text.join("\n").as_bytes());
        let contacts: Vec<_> = file.messages.iter().map(|placed| placed.contact.as_str()).collect();
        assert_eq!(contacts, ["ann", "ann", "bea", "bea"]);
        assert!(file.messages.iter().all(|placed| placed.root == "1"));
    }

    #[test]
    fn broken_lines_are_named_and_the_rest_goes_on() {
        let text = format!(
            "{}\n{{\"id\":\n\n{{\"id\":[\"hush\"]}}\n{}\n",
            line("1", None, "ann", 1),
            line("2", None, "Brand", 1)
        );
        let file = File::parse(text.as_bytes());
        assert_eq!((file.lines, ids(&file)), (4, vec!["1"]));
        assert_eq!(file.rejected.iter().map(|rejected| rejected.line).collect::<Vec<_>>(), [2, 4, 5]);
        assert!(!format!("{:?}", file.rejected).contains("hush"), "what a line says is not repeated");
    }

    #[test]
    fn a_repeated_message_counts_once_and_a_missing_parent_names_the_thread() {
        let text = [line("2", Some("1"), "ann", 1), line("2", Some("1"), "ann", 1), line("3", Some("2"), "Brand", 2)];
        let file = File::parse(text.join("\n").as_bytes());
        assert_eq!((file.repeated, ids(&file)), (1, vec!["2", "3"]));
        assert!(file.messages.iter().all(|placed| placed.root == "1" && !placed.root_is_here));
    }

    #[test]
    fn messages_in_a_circle_do_not_hang() {
        let text = [line("1", Some("2"), "ann", 1), line("2", Some("1"), "Brand", 1)];
        let file = File::parse(text.join("\n").as_bytes());
        assert_eq!(file.messages.len(), 2);
        assert!(file.messages.iter().all(|placed| placed.root == "1"));
    }
}

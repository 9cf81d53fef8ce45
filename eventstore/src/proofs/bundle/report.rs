//! The audit trail for people, as CSV and as one HTML page: plain text from rows that are given. Which rows there
//! are, and what names ids have, is the caller's to find out.

use std::fmt::Write as _;

/// One line of the trail. Every field is text as a person should read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// The number of the fact in the log, counted from 1.
    pub number: u64,
    /// When it was recorded.
    pub recorded_at: String,
    /// When it happened.
    pub occurred_at: String,
    /// Who did it.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub object: String,
    /// Values before and after, where a value changed.
    pub details: String,
    /// The number or id of the fact that led to it.
    pub cause: String,
    /// The id of the fact.
    pub fact: String,
}

const COLUMNS: [&str; 9] =
    ["number", "recorded at", "occurred at", "actor", "action", "object", "details", "cause", "fact"];

impl Row {
    fn fields(&self) -> [String; 9] {
        let fields = [&self.recorded_at, &self.occurred_at, &self.actor, &self.action, &self.object];
        let [recorded_at, occurred_at, actor, action, object] = fields.map(Clone::clone);
        let [details, cause, fact] = [&self.details, &self.cause, &self.fact].map(Clone::clone);
        [self.number.to_string(), recorded_at, occurred_at, actor, action, object, details, cause, fact]
    }
}

/// The first line of the CSV file.
pub fn csv_head() -> String {
    format!("{}\r\n", COLUMNS.join(","))
}

/// A line of the CSV file (RFC 4180). What a spreadsheet would take for a formula is made plain text.
pub fn csv_row(row: &Row) -> String {
    let quoted = row.fields().map(|field| {
        let guard = if field.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
        format!("\"{guard}{}\"", field.replace('"', "\"\""))
    });
    format!("{}\r\n", quoted.join(","))
}

/// The page up to its first row.
pub fn html_head(title: &str, explanation: &str) -> String {
    let (title, explanation) = (escaped(title), escaped(explanation));
    let heads = COLUMNS.join("</th><th scope=col>");
    format!(
        "<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n<title>{title}</title>\n<style>\n\
         body {{ font: 14px/1.4 system-ui, sans-serif; margin: 2rem }}\n\
         table {{ border-collapse: collapse }}\n\
         th, td {{ border-bottom: 1px solid #ccc; padding: .2rem .6rem; text-align: left; vertical-align: top }}\n\
         thead th {{ position: sticky; top: 0; background: #fff }}\n\
         </style>\n<h1>{title}</h1>\n<p>{explanation}</p>\n<table>\n<thead><tr><th scope=col>{heads}</th></tr></thead>\n<tbody>\n"
    )
}

/// A row of the page.
pub fn html_row(row: &Row) -> String {
    let mut line = format!("<tr id=fact-{}>", row.number);
    for field in row.fields() {
        write!(line, "<td>{}</td>", escaped(&field)).expect("text takes text");
    }
    line + "</tr>\n"
}

/// The page behind its last row.
pub fn html_foot() -> &'static str {
    "</tbody>\n</table>\n</html>\n"
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stay_fields_whatever_is_in_them() {
        let row = Row { number: 7, actor: "=HYPERLINK(\"x\")".into(), object: "a,\nb".into(), ..Row::default() };
        assert_eq!(csv_row(&row), "\"7\",\"\",\"\",\"'=HYPERLINK(\"\"x\"\")\",\"\",\"a,\nb\",\"\",\"\",\"\"\r\n");
        assert_eq!(csv_head().split(',').count(), 9);
    }

    #[test]
    fn no_field_becomes_markup() {
        let row = Row { number: 7, actor: "<script>&'\"".into(), ..Row::default() };
        let line = html_row(&row);
        assert!(line.contains("<td>&lt;script&gt;&amp;&#39;&quot;</td>"), "{line}");
        assert!(html_head("<a>", "<b>").contains("<h1>&lt;a&gt;</h1>\n<p>&lt;b&gt;</p>"));
    }
}

//! A whole conversation as plain text, to be used elsewhere. Attachments are named, notes are left out.

use crate::view::{ConversationView, Entry, MessageView};
use crate::wire::ActorKind;
use clew_domain::agent::Language;
use clew_domain::conversation::{Direction, MessageKind};
use jiff::tz::TimeZone;
use std::fmt::Write;

/// The words that a transcript is written in.
struct Words {
    masked: &'static str,
    attachment: &'static str,
    masked_attachment: &'static str,
    forgotten: &'static str,
    desk: &'static str,
    answers: &'static str,
}

const ENGLISH: Words = Words {
    masked: "[message masked]",
    attachment: "[attachment, not copied:",
    masked_attachment: "[attachment masked]",
    forgotten: "forgotten contact",
    desk: "us",
    answers: "in answer to",
};

const FRENCH: Words = Words {
    masked: "[message masqué]",
    attachment: "[pièce jointe, non copiée :",
    masked_attachment: "[pièce jointe masquée]",
    forgotten: "contact oublié",
    desk: "nous",
    answers: "en réponse à",
};

/// The text, with times in this zone.
pub fn text(conversation: &ConversationView, language: Language, zone: &TimeZone) -> String {
    let words = match language {
        Language::En => &ENGLISH,
        Language::Fr => &FRENCH,
    };
    let mut text = String::new();
    for entry in &conversation.entries {
        match entry {
            Entry::Message(message) => write_message(&mut text, conversation, message, words, zone),
            Entry::Note(_) => {}
        }
    }
    text
}

fn write_message(
    text: &mut String,
    conversation: &ConversationView,
    message: &MessageView,
    words: &Words,
    zone: &TimeZone,
) {
    let infallible = "writing to a string does not fail";
    if !text.is_empty() {
        text.push('\n');
    }
    let at = jiff::Timestamp::from(message.at).to_zoned(zone.clone());
    let sender = match message.direction {
        Direction::In => {
            let contact = &conversation.contact;
            contact.name.as_deref().or(contact.handle.as_deref()).unwrap_or(words.forgotten)
        }
        Direction::Out => message.sender.name.as_deref().unwrap_or(words.desk),
    };
    let handle = match (message.direction, message.sender.kind, &conversation.contact) {
        (Direction::In, ActorKind::Contact, contact) if contact.name.is_some() => {
            contact.handle.as_deref().map(|handle| format!(" ({handle})")).unwrap_or_default()
        }
        _ => String::new(),
    };
    let kind = kind_name(message.kind);
    writeln!(text, "{} · {sender}{handle} · {kind}", at.strftime("%Y-%m-%d %H:%M %Z")).expect(infallible);
    if let Some(quoted) = &message.quoted {
        let said = quoted.text.as_deref().unwrap_or(words.masked);
        let first = said.lines().next().unwrap_or_default();
        writeln!(text, "> {}: {first}", words.answers).expect(infallible);
    }
    match (&message.text, &message.masked) {
        (_, Some(_)) | (None, None) => writeln!(text, "{}", words.masked).expect(infallible),
        (Some(said), None) if said.is_empty() => {}
        (Some(said), None) => writeln!(text, "{said}").expect(infallible),
    }
    if message.masked.is_none() {
        for attachment in &message.attachments {
            match &attachment.name {
                Some(name) => writeln!(text, "{} {name}]", words.attachment).expect(infallible),
                None => writeln!(text, "{}", words.masked_attachment).expect(infallible),
            }
        }
    }
    if let Some(link) = &message.link {
        writeln!(text, "{link}").expect(infallible);
    }
}

/// What a kind of message is called; names of products are the same in every language.
fn kind_name(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::PrivateMessage => "private message",
        MessageKind::PublicPost => "public post",
        MessageKind::Tweet => "Tweet",
        MessageKind::TwitterDirectMessage => "Twitter DM",
        MessageKind::FacebookPost => "Facebook post",
        MessageKind::FacebookComment => "Facebook comment",
        MessageKind::FacebookMessage => "Messenger",
        MessageKind::InstagramComment => "Instagram comment",
        MessageKind::InstagramDirectMessage => "Instagram DM",
        MessageKind::WhatsApp => "WhatsApp",
        MessageKind::Sms => "SMS",
        MessageKind::Email => "E-mail",
        MessageKind::WebChat => "Chat",
    }
}

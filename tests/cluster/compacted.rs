//! A server is away while messages are masked, until the others have dropped the log by which it could have caught up
//! entry by entry: it is brought to what they have by a snapshot, and has nothing that was masked.

use super::gateways::{Place, until};
use super::server::{Servers, is_there};
use crate::masking::doors::{Known, set_up, tell};
use crate::masking::server::{Server, token};
use crate::support::program::printed;
use serde_json::{Value, json};

/// The server that is away; the first one is asked how the streams stand.
const AWAY: usize = 2;
const STREAMS: [&str; 2] = ["clew_EV_00", "clew_CT_00"];

/// A message, by its conversation and its id.
type Message = (String, String);

fn receive(server: &Server, known: &Known, text: &str) -> Message {
    let data = json!({"id": text, "contact": {"handle": "+33 1 99 00 77"}, "text": text});
    let (status, told) = tell(server, known, &data);
    assert_eq!(status, 202, "{told}");
    let field = |name: &str| told[name].as_str().expect("an id").to_owned();
    (field("conversation"), field("message"))
}

fn mask(server: &Server, (conversation, message): &Message) {
    server.done("POST", &format!("/v1/conversations/{conversation}/messages/{message}/mask"), &json!({}));
}

/// The texts of the conversation's messages, none where one is masked.
fn texts(server: &Server, (conversation, _): &Message) -> Vec<Option<String>> {
    let view = server.get(&format!("/v1/conversations/{conversation}")).json();
    let entries = view["entries"].as_array().expect("entries");
    let messages = entries.iter().filter(|entry| entry["type"] == "message");
    messages.map(|entry| entry["text"].as_str().map(str::to_owned)).collect()
}

/// What the leader of a stream has of it: how much, up to where, and which messages are deleted.
fn held(servers: &Servers, stream: &str) -> Value {
    let state = servers.info(stream).expect("there is a leader")["state"].clone();
    json!([state["messages"], state["first_seq"], state["last_seq"], state["deleted"]])
}

#[test]
fn a_server_that_was_away_until_the_log_was_compacted_has_nothing_that_was_masked_meanwhile() {
    if !is_there() {
        return;
    }
    let (servers, dir) = (Servers::start(3, ""), tempfile::tempdir().expect("a temporary directory"));
    let place = Place::new(&dir, "one", &servers, 1);
    place.start("").kill();
    let token = token(&place.data);
    let gateway = place.start(&token);
    let mut known = Known::default();
    set_up(&gateway, &mut known);
    let before = receive(&gateway, &known, "there before, masked");
    receive(&gateway, &known, "there before, kept");
    until("all servers have it", || STREAMS.iter().all(|stream| servers.is_current(stream, AWAY)));

    servers.kill(AWAY);
    mask(&gateway, &before);
    let meanwhile = receive(&gateway, &known, "meanwhile, masked");
    receive(&gateway, &known, "meanwhile, kept");
    mask(&gateway, &meanwhile);
    // A server that stops in good order compacts its log.
    for index in [0, 1] {
        servers.stop(index);
        servers.restart(index);
        until("there are leaders", || STREAMS.iter().all(|stream| servers.leader(stream).is_some()));
    }
    receive(&gateway, &known, "afterwards");
    until("the mask is complete", || place.mask_status().contains(" 0 are not completed"));
    let expected = [None, Some("there before, kept"), None, Some("meanwhile, kept"), Some("afterwards")];
    let expected = expected.map(|text| text.map(str::to_owned));
    assert_eq!(texts(&gateway, &before), expected);

    servers.restart(AWAY);
    until("it has caught up", || STREAMS.iter().all(|stream| servers.is_current(stream, AWAY)));
    for stream in STREAMS {
        let caught_up = format!("Catchup for stream '$G > {stream}' complete");
        until("it was given a snapshot", || servers.logs().contains(&caught_up));
        let of_the_others = held(&servers, stream);
        servers.lead(stream, AWAY);
        assert_eq!(held(&servers, stream), of_the_others, "{stream}");
    }
    let deleted = held(&servers, STREAMS[1])[3].as_array().map_or(0, Vec::len);
    assert!(deleted >= 2, "the contents of two messages are gone: {deleted}");

    // A gateway that fetches the log anew, now from that server, shows the same, and it is what was signed before.
    gateway.kill();
    std::fs::remove_dir_all(place.data.join("partition-00")).expect("the copy can be removed");
    let gateway = place.start(&token);
    assert_eq!(texts(&gateway, &before), expected);
    gateway.kill();
    let examined = printed(&place.data, &["doctor"]);
    assert!(examined.contains("All is sound."), "{examined}");
}

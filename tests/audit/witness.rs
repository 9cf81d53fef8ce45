//! A witness of the test's own, over real HTTP: it checks what is sent to it as <https://c2sp.org/tlog-witness> says.

use crate::support::TestApp;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use clew_domain::workspace::Role;
use clew_eventstore::proofs::checkpoint::cosign;
use clew_eventstore::proofs::proof::verify_consistency;
use clew_eventstore::proofs::{Hash, SignedCheckpoint, SigningKey, VerifierKey};
use clew_gateway::witnesses::{Asked, ask_all};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

const SEED: [u8; 32] = [9; 32];
const SEEN_AT: u64 = 1_750_000_000;

/// What the witness knows: the log's key, and the last tree that it cosigned.
struct Witness {
    log: VerifierKey,
    seen: Mutex<(u64, Hash)>,
    asked: Mutex<Vec<u64>>,
}

impl Witness {
    fn key() -> SigningKey {
        SigningKey::from_seed("witness.example/w1", &SEED).expect("a key")
    }

    /// Listens, and tells where.
    async fn listen(log: VerifierKey) -> (Arc<Self>, String) {
        let seen = Mutex::new((0, clew_eventstore::proofs::tree::empty_root()));
        let witness = Arc::new(Self { log, seen, asked: Mutex::default() });
        let router = Router::new().route("/w/add-checkpoint", post(answer)).with_state(Arc::clone(&witness));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}/w/", listener.local_addr().expect("bound"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (witness, address)
    }
}

async fn answer(State(witness): State<Arc<Witness>>, body: String) -> (StatusCode, String) {
    let (head, note) = body.split_once("\n\n").expect("a proof, then a checkpoint");
    let mut lines = head.lines();
    let old = lines.next().and_then(|line| line.strip_prefix("old ")).expect("old").parse::<u64>().expect("a size");
    let proof: Vec<Hash> = lines.map(|line| line.parse().expect("a hash")).collect();
    let Ok(signed) = SignedCheckpoint::open(note, &witness.log) else {
        return (StatusCode::FORBIDDEN, String::new());
    };
    witness.asked.lock().expect("not poisoned").push(old);
    let mut seen = witness.seen.lock().expect("not poisoned");
    let (size, root) = (signed.checkpoint().size, signed.checkpoint().root);
    if old != seen.0 {
        return (StatusCode::CONFLICT, format!("{}\n", seen.0));
    }
    if verify_consistency(old, &seen.1, size, &root, &proof).is_err() {
        return (StatusCode::UNPROCESSABLE_ENTITY, String::new());
    }
    *seen = (size, root);
    (StatusCode::OK, cosign(&signed.note().text, &Witness::key(), SEEN_AT).0.to_string())
}

#[tokio::test]
async fn a_witness_cosigns_what_continues_what_it_saw_and_the_checkpoint_carries_it() {
    let app = TestApp::with(|config| config.store_partitions = 1).await;
    let (eve, _) = app.signed_in("eve", [Role::Auditor]).await;
    let proofs = &app.app.state.proofs;
    let log = &proofs.logs()[0];
    let log_key = log.verifier();
    let (witness, address) = Witness::listen(log_key.clone()).await;
    let key = Witness::key().cosigner();
    let asked = || vec![Asked::parse(&address, &key.to_string()).expect("a witness")];

    let (first, outcomes) = ask_all(proofs, &asked()).await.expect("the log is signed").remove(0);
    assert_eq!(outcomes[0].result, Ok(SEEN_AT));
    let served = eve.get("/v1/audit/checkpoint").await.body;
    let served = SignedCheckpoint::open(&String::from_utf8(served).expect("UTF-8"), &log_key).expect("signed");
    assert_eq!(served.cosigned_at(&key).expect("a good cosignature"), Some(SEEN_AT));
    assert_eq!(served.checkpoint(), first.checkpoint());

    app.account("ada", [Role::Agent]).await;
    let (second, outcomes) = ask_all(proofs, &asked()).await.expect("the log is signed").remove(0);
    assert_eq!(outcomes[0].result, Ok(SEEN_AT));
    assert!(second.checkpoint().size > first.checkpoint().size);
    let olds = witness.asked.lock().expect("not poisoned").clone();
    assert_eq!(olds, [0, first.checkpoint().size], "asked from what it had seen");

    ask_all(proofs, &asked()).await.expect("the log is signed");
    assert_eq!(witness.asked.lock().expect("not poisoned").len(), 2, "nothing new, nothing asked");
}

#[tokio::test]
async fn a_witness_that_has_seen_more_of_it_or_other_facts_does_not_cosign() {
    let app = TestApp::with(|config| config.store_partitions = 1).await;
    let proofs = &app.app.state.proofs;
    let log = &proofs.logs()[0];
    let (witness, address) = Witness::listen(log.verifier()).await;
    let key = Witness::key().cosigner().to_string();
    let asked = || vec![Asked::parse(&address, &key).expect("a witness")];
    // It has seen the first fact already: it says so, and is asked anew from there.
    let one = clew_eventstore::proofs::proof::root_at(log.as_ref(), 1).expect("a fact");
    *witness.seen.lock().expect("not poisoned") = (1, one);
    let (signed, outcomes) = ask_all(proofs, &asked()).await.expect("the log is signed").remove(0);
    assert_eq!(outcomes[0].result, Ok(SEEN_AT));
    assert_eq!(*witness.asked.lock().expect("not poisoned"), [0, 1]);

    app.account("ada", [Role::Agent]).await;
    let other = clew_eventstore::proofs::tree::leaf_hash(b"another history");
    *witness.seen.lock().expect("not poisoned") = (signed.checkpoint().size, other);
    let (_, outcomes) = ask_all(proofs, &asked()).await.expect("the log is signed").remove(0);
    assert!(outcomes[0].result.as_ref().is_err_and(|why| why.contains("continuation")), "{:?}", outcomes[0].result);
    *witness.seen.lock().expect("not poisoned") = (1_000, other);
    let (_, outcomes) = ask_all(proofs, &asked()).await.expect("the log is signed").remove(0);
    assert!(outcomes[0].result.as_ref().is_err_and(|why| why.contains("more facts")), "{:?}", outcomes[0].result);

    let stranger =
        Asked::parse(&address, &SigningKey::generate("witness.example/w1").expect("a key").cosigner().to_string());
    *witness.seen.lock().expect("not poisoned") = (signed.checkpoint().size, signed.checkpoint().root);
    let (_, outcomes) = ask_all(proofs, &[stranger.expect("a witness")]).await.expect("the log is signed").remove(0);
    assert!(outcomes[0].result.is_err(), "a cosignature by another key is none");
    let nobody = Asked::parse("http://127.0.0.1:9/", &key).expect("a witness");
    app.account("ben", [Role::Agent]).await;
    let (_, outcomes) = ask_all(proofs, &[nobody]).await.expect("the log is signed").remove(0);
    assert!(outcomes[0].result.is_err(), "nobody listens there");
}

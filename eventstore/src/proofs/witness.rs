//! What is said to a witness, so that it cosigns a checkpoint, and what its answers mean. Format:
//! <https://c2sp.org/tlog-witness>, `add-checkpoint`. Carrying it over HTTP is not done here.

use super::checkpoint::SignedCheckpoint;
use super::note::{VerifierKey, parse_signatures};
use super::{ProofError, Tiles, proof};
use std::fmt::Write as _;

/// The body of `POST <submission prefix>/add-checkpoint`, for a witness that cosigned the first `old` leaves.
pub fn add_checkpoint(tiles: &dyn Tiles, old: u64, signed: &SignedCheckpoint) -> Result<String, ProofError> {
    let mut body = format!("old {old}\n");
    for hash in proof::consistency(tiles, old, signed.checkpoint().size)? {
        writeln!(body, "{hash}").expect("text takes text");
    }
    write!(body, "\n{signed}").expect("text takes text");
    Ok(body)
}

/// What a witness's answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It cosigned, at this second since 1970; the checkpoint carries it now.
    Cosigned(u64),
    /// It has seen the log up to this size: ask again from there.
    SeenUpTo(u64),
    /// It will not cosign, for this reason.
    Refused(&'static str),
}

/// Reads the answer to [`add_checkpoint`] from `old` on, and adds what a trusted witness signed to the checkpoint;
/// other signatures are ignored.
pub fn take_answer(
    signed: &mut SignedCheckpoint,
    witness: &VerifierKey,
    old: u64,
    status: u16,
    body: &str,
) -> Result<Answer, ProofError> {
    match status {
        200 => {
            let signature = parse_signatures(body)?.into_iter().find(|signature| signature.is_by(witness));
            let missing = || ProofError::Signature {
                key: witness.name().to_owned(),
                why: "the answer holds no cosignature by it",
            };
            let at = signed.add_cosignature(signature.ok_or_else(missing)?, witness)?;
            Ok(Answer::Cosigned(at))
        }
        409 if old == signed.checkpoint().size => Ok(Answer::Refused("it has seen this log with other facts")),
        409 => {
            let size = body.strip_suffix('\n').unwrap_or(body).parse();
            let size: u64 = size.map_err(|_| ProofError::malformed("witness's answer", "it names no size"))?;
            if size > signed.checkpoint().size {
                return Ok(Answer::Refused("it has seen more facts of this log than there are in this checkpoint"));
            }
            Ok(Answer::SeenUpTo(size))
        }
        403 => Ok(Answer::Refused("it does not trust the key of this log")),
        404 => Ok(Answer::Refused("it does not know this log; its operator must add the origin and public key")),
        422 => Ok(Answer::Refused("it holds that this log is not a continuation of what it saw before")),
        _ => Ok(Answer::Refused("it answered with a status that the protocol does not name")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proofs::checkpoint::{Checkpoint, cosign};
    use crate::proofs::memory::Memory;
    use crate::proofs::note::SigningKey;
    use crate::proofs::proof::{root_at, verify_consistency};
    use crate::proofs::receipt::Receipt;

    fn signed(log: &Memory, key: &SigningKey) -> SignedCheckpoint {
        Checkpoint::new("clew.example/log", log.size(), root_at(log, log.size()).unwrap()).sign(key).unwrap()
    }

    #[test]
    fn the_body_holds_a_consistency_proof_that_a_witness_can_check() {
        let key = SigningKey::generate("clew.example/log").unwrap();
        let log = Memory::of((0..300_u32).map(u32::to_le_bytes));
        let signed = signed(&log, &key);
        let body = add_checkpoint(&log, 100, &signed).unwrap();
        let (head, note) = body.split_once("\n\n").unwrap();
        let mut lines = head.lines();
        assert_eq!(lines.next(), Some("old 100"));
        let proof: Vec<_> = lines.map(|line| line.parse().unwrap()).collect();
        let checkpoint = SignedCheckpoint::open(note, &key.verifier()).unwrap();
        let checkpoint = checkpoint.checkpoint();
        verify_consistency(100, &root_at(&log, 100).unwrap(), 300, &checkpoint.root, &proof).unwrap();
        assert!(add_checkpoint(&log, 0, &signed).unwrap().starts_with("old 0\n\nclew.example/log\n300\n"));
    }

    #[test]
    fn each_answer_is_told_apart() {
        let key = SigningKey::generate("clew.example/log").unwrap();
        let log = Memory::of((0..300_u32).map(u32::to_le_bytes));
        let mut signed = signed(&log, &key);
        let (line, witness) = cosign(&signed.note().text, &SigningKey::generate("witness.example/w1").unwrap(), 1_000);
        let stranger = cosign(&signed.note().text, &SigningKey::generate("witness.example/w2").unwrap(), 1_000).0;
        let mut answer = |old, status, body: &str| take_answer(&mut signed, &witness, old, status, body);
        assert_eq!(answer(0, 409, "100\n").unwrap(), Answer::SeenUpTo(100));
        assert_eq!(answer(0, 409, "300\n").unwrap(), Answer::SeenUpTo(300));
        assert!(matches!(answer(0, 409, "301\n").unwrap(), Answer::Refused(_)));
        assert!(matches!(answer(300, 409, "300\n").unwrap(), Answer::Refused(_)));
        assert!(answer(0, 409, "what?").is_err());
        for status in [403, 404, 422, 500] {
            assert!(matches!(answer(0, status, "").unwrap(), Answer::Refused(_)), "{status}");
        }
        assert!(answer(0, 200, &stranger.to_string()).is_err());
        assert_eq!(answer(0, 200, &format!("{stranger}{line}")).unwrap(), Answer::Cosigned(1_000));
        assert_eq!(signed.cosigned_at(&witness).unwrap(), Some(1_000));
        assert_eq!(signed.note().signatures.len(), 2);
    }

    #[test]
    fn a_receipt_opens_with_the_key_and_not_when_a_byte_of_it_is_another() {
        let key = SigningKey::generate("clew.example/log").unwrap();
        let log = Memory::of((0..300_u32).map(u32::to_le_bytes));
        let receipt = Receipt::make(&log, 257_u32.to_le_bytes().to_vec(), 257, signed(&log, &key)).unwrap();
        let text = receipt.to_string();
        assert_eq!(Receipt::open(&text, &key.verifier()).unwrap(), receipt);
        assert!(Receipt::open(&text.replace("index 257", "index 256"), &key.verifier()).is_err());
        assert!(Receipt::open(&text.replace("index 257", "index 0257"), &key.verifier()).is_err());
        assert!(Receipt::open(&text.replacen("extra A", "extra B", 1), &key.verifier()).is_err());
        assert!(Receipt::make(&log, vec![], 300, signed(&log, &key)).is_err());
    }
}

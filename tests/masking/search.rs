//! Looks for a marker in files, in every form in which a program may have put it there.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// A text that is searched for, in all its forms.
pub(crate) struct Marker {
    pub(crate) text: String,
    forms: Vec<(&'static str, Vec<u8>)>,
}

impl Marker {
    pub(crate) fn new(text: &str) -> Self {
        let utf16 = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect();
        let mut forms = vec![
            ("plain", text.as_bytes().to_vec()),
            ("in capitals", text.to_uppercase().into_bytes()),
            ("in small letters", text.to_lowercase().into_bytes()),
            ("backwards", text.bytes().rev().collect()),
            ("UTF-16 LE", utf16(u16::to_le_bytes)),
            ("UTF-16 BE", utf16(u16::to_be_bytes)),
            ("hexadecimal", hex(text).into_bytes()),
            ("hexadecimal", hex(text).to_uppercase().into_bytes()),
        ];
        for before in 0..3 {
            let text = [&vec![0; before], text.as_bytes()].concat();
            for encoded in [STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
                // The first and the last characters mix in what stands before and after.
                let inner = encoded.as_bytes()[4.min(before * 4)..encoded.len() - 3].to_vec();
                forms.push(("Base64", inner));
            }
        }
        Self { text: text.to_owned(), forms }
    }

    /// In which form the bytes hold it, if they do.
    pub(crate) fn found_in(&self, bytes: &[u8]) -> Option<&'static str> {
        let held = |form: &[u8]| memory_find(bytes, form);
        self.forms.iter().find(|(_, form)| held(form)).map(|(name, _)| *name)
    }

    /// Every file below a directory that holds it.
    pub(crate) fn found_below(&self, dir: &Path) -> Vec<(PathBuf, &'static str)> {
        let mut found = Vec::new();
        for path in files_below(dir) {
            let bytes = std::fs::read(&path).expect("a file can be read");
            let bytes = without_empty_blocks(&bytes);
            found.extend(self.found_in(&bytes).map(|form| (path, form)));
        }
        found
    }
}

fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes all");
        hex
    })
}

/// Files are made of zeros ahead of use: there is nothing to look for in those.
fn without_empty_blocks(bytes: &[u8]) -> Vec<u8> {
    const EMPTY: [u8; 4096] = [0; 4096];
    bytes.chunks(EMPTY.len()).filter(|block| **block != EMPTY[..block.len()]).flatten().copied().collect()
}

/// Whether `bytes` hold `wanted`: looks for its first byte, then compares.
fn memory_find(bytes: &[u8], wanted: &[u8]) -> bool {
    let (first, last) = (wanted[0], wanted[wanted.len() - 1]);
    let ends = &bytes[(wanted.len() - 1).min(bytes.len())..];
    let candidates = bytes.iter().zip(ends).enumerate();
    candidates
        .filter(|(_, (start, end))| **start == first && **end == last)
        .any(|(at, _)| &bytes[at..at + wanted.len()] == wanted)
}

pub(crate) fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a directory can be read") {
        let entry = entry.expect("an entry can be read");
        let kind = entry.file_type().expect("an entry has a type");
        if kind.is_dir() {
            files.extend(files_below(&entry.path()));
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    files
}

#[test]
fn a_marker_is_found_in_each_of_its_forms() {
    let marker = Marker::new("Zq7MARKERxk29vT");
    let text = marker.text.as_bytes();
    for before in 0..3 {
        let noise = [b"abc".repeat(before + 1), vec![7; before], text.to_vec(), b"tail".to_vec()].concat();
        assert_eq!(marker.found_in(&noise), Some("plain"));
        assert_eq!(marker.found_in(STANDARD_NO_PAD.encode(&noise).as_bytes()), Some("Base64"), "{before}");
    }
    assert_eq!(marker.found_in(hex(&marker.text).as_bytes()), Some("hexadecimal"));
    let wide: Vec<u8> = marker.text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(marker.found_in(&wide), Some("UTF-16 LE"));
    assert_eq!(marker.found_in(b"Zq7MARKERxk29v"), None);
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(dir.path().join("below")).expect("made");
    std::fs::write(dir.path().join("below/file"), text).expect("written");
    assert_eq!(marker.found_below(dir.path()).len(), 1);
}

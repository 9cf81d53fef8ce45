//! The agent's screen: files that `build.rs` finds in `gateway/ui` and builds in, served with their type and a tag.

use crate::error::{Problem, kinds};
use crate::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// A file that is built in.
#[derive(Debug)]
pub struct Asset {
    /// Where it lies, below its folder.
    pub path: &'static str,
    bytes: &'static [u8],
}

impl Asset {
    /// A file of text.
    pub const fn text(path: &'static str, text: &'static str) -> Self {
        Self { path, bytes: text.as_bytes() }
    }

    fn media_type(&self) -> &'static str {
        match self.path.rsplit('.').next().unwrap_or_default() {
            "html" => "text/html; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "json" => "application/json",
            "webmanifest" => "application/manifest+json",
            "svg" => "image/svg+xml",
            "png" => "image/png",
            "ico" => "image/x-icon",
            "woff2" => "font/woff2",
            _ => "application/octet-stream",
        }
    }

    fn tag(&self) -> String {
        let hash = Sha256::digest(self.bytes);
        hash[..8].iter().fold(String::from("W/\""), |tag, byte| format!("{tag}{byte:02x}")) + "\""
    }
}

include!(concat!(env!("OUT_DIR"), "/ui_files.rs"));

/// The screen itself. Its pages are addressed behind `#`, so there is this one only.
pub async fn index(headers: HeaderMap) -> Response {
    answer("index.html", &headers)
}

/// A file of it.
pub async fn file(Path(path): Path<String>, headers: HeaderMap) -> Response {
    answer(&path, &headers)
}

fn answer(path: &str, headers: &HeaderMap) -> Response {
    match UI_FILES.iter().find(|asset| asset.path == path) {
        Some(asset) => serve(asset, headers),
        None => Problem::new(&kinds::NOT_FOUND).into_response(),
    }
}

/// A built-in file, or word that the client has it already.
pub fn serve(asset: &Asset, headers: &HeaderMap) -> Response {
    let tag = asset.tag();
    let known = headers.get_all(IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
    let is_known = known.flat_map(|line| line.split(',')).any(|one| one.trim() == tag);
    let caching = [
        (ETAG, HeaderValue::try_from(&tag).expect("a tag is visible ASCII")),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    if is_known {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (caching, [(CONTENT_TYPE, asset.media_type())], asset.bytes).into_response()
}

//! Signing in and out: `/v1/sessions`.

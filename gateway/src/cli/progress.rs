//! How long work shows how far it is: a bar on standard error where a person looks, warnings on lines of their own.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar with what is done, how fast, and how long it will take.
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar of so many steps; none is drawn if it is not wanted, or if nobody looks.
    pub(super) fn new(wanted: bool, steps: u64, unit: &str) -> Self {
        let bar = if wanted { ProgressBar::new(steps) } else { ProgressBar::hidden() };
        let template = format!("{{bar:40}} {{pos}}/{{len}} {unit} {{per_sec}}, {{eta}} left");
        let style = ProgressStyle::with_template(&template).expect("the template is well formed");
        bar.set_style(style);
        Self { bar }
    }

    /// So many steps are done.
    pub(super) fn at(&self, done: u64) {
        self.bar.set_position(done);
    }

    /// So many steps are done, of so many as there are known to be.
    pub(super) fn at_of(&self, done: u64, of: u64) {
        self.bar.set_length(of);
        self.bar.set_position(done);
    }

    /// Something that the person should know, while it goes on.
    pub(super) fn warn(&self, what: &str) {
        self.bar.suspend(|| eprintln!("clew: {what}"));
    }

    /// The bar goes away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

//! `clew transcript`: a conversation as text.

use super::offline::Offline;
use super::{Exit, Failure};
use crate::config::Place;
use crate::routes::conversations::view;
use crate::transcript;
use clap::{Args, ValueEnum};
use clew_domain::agent::Language;
use clew_domain::ids::ConversationId;
use clew_domain::installation::DataReading;
use jiff::tz::TimeZone;
use uuid::Uuid;

/// The arguments of `clew transcript`.
#[derive(Args)]
pub(super) struct Transcript {
    /// Which conversation
    conversation: Uuid,
    /// The time zone of the times (IANA)
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    tz: String,
    /// The language of what is not the messages' own
    #[arg(long, value_enum, default_value_t = Words::En)]
    language: Words,
    #[command(flatten)]
    place: Place,
}

#[derive(Clone, Copy, ValueEnum)]
enum Words {
    En,
    Fr,
}

impl Transcript {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let zone = TimeZone::get(&self.tz)
            .map_err(|_| Failure::new(Exit::Usage, "--tz is not a time zone; give one such as Europe/Paris"))?;
        let language = match self.language {
            Words::En => Language::En,
            Words::Fr => Language::Fr,
        };
        let desk = Offline::open(&self.place).await?;
        let text = async {
            desk.catch_up().await?;
            let shown = view::show(&desk.app.state, None, ConversationId(self.conversation), None).await?;
            desk.record_reading(DataReading::Export).await?;
            Ok(transcript::text(&shown, language, &zone))
        };
        let text: Result<String, Failure> = text.await;
        desk.close().await;
        print!("{}", text?);
        Ok(())
    }
}

//! The workspace itself and its settings.

use super::*;
use crate::decider::spec::given;
use crate::name::NotAName;

fn create(name: &str) -> Command {
    Command::Create { name: name.to_owned() }
}

fn created() -> WorkspaceEvent {
    WorkspaceEvent::WorkspaceCreated { name: "Clew".to_owned() }
}

#[test]
fn the_workspace_is_set_up_once() {
    given::<Workspace>([]).when(create(" Clew")).then([created()]);
    given::<Workspace>([]).when(create("")).then_rejected(Rejection::Name(NotAName));
    given::<Workspace>([created()]).when(create("Clew")).then_nothing();
    given::<Workspace>([created()]).when(create("Other")).then_rejected(Rejection::SetUpAlready);
}

#[test]
fn settings_change_within_bounds() {
    let settings = Settings { agents_may_mask: true, ..Settings::default() };
    let change = |settings: &Settings| Command::ChangeSettings { settings: settings.clone() };
    let changed = WorkspaceEvent::SettingsChanged { settings: settings.clone() };
    given::<Workspace>([]).when(change(&settings)).then([changed.clone()]);
    given::<Workspace>([changed]).when(change(&settings)).then_nothing();
    let idle = Settings { conversations_per_agent_max: 0, ..settings };
    let setting = "conversations_per_agent_max";
    given::<Workspace>([]).when(change(&idle)).then_rejected(Rejection::SettingOutOfBounds {
        setting,
        min: 1,
        max: 1_000,
    });
}

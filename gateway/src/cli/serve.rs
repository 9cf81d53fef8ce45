//! `clew serve`: runs the server until it is told to stop.

use super::{Exit, Failure};
use crate::app::App;
use crate::config::{Config, LogFormat, Options, Place};
use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// The arguments of `clew serve`.
#[derive(Args)]
pub(super) struct Serve {
    #[command(flatten)]
    place: Place,

    /// Fill an empty data directory with a lively workspace to look around in, and print how to sign in
    #[arg(long)]
    demo: bool,

    /// Name of the workspace, where it is set up by this start [default: Clew]
    #[arg(long, env = "CLEW_WORKSPACE_NAME", value_name = "NAME", default_value = "Clew", hide_default_value = true)]
    workspace_name: String,

    #[command(flatten)]
    options: Options,
}

impl Serve {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let config = Config::resolve(&self.place, self.options)?;
        start_log(&config)?;
        let listen = config.listen;
        let listener = TcpListener::bind(listen)
            .await
            .map_err(|error| Failure::new(Exit::Failed, format!("can't listen on {listen}: {error}")))?;
        let app = App::open(config).await?;
        let address = listener.local_addr()?;
        if self.demo {
            let accounts = app.fill_demo().await?;
            println!("The demo workspace is ready. Sign in with one of these, password {}:", crate::demo::PASSWORD);
            for account in accounts {
                println!("  {:<24} {}", account.login, account.roles);
            }
        } else if app.set_up(&self.workspace_name).await? {
            println!("A new workspace is set up in {}.", app.state.config.data.display());
        }
        if !app.has_accounts() {
            println!("Nobody can sign in yet. Stop the server and open the first account:");
            println!("  clew user add LOGIN --name NAME --role admin --data {}", app.state.config.data.display());
        }
        let stop = stop_signal()?;
        let shown = app.state.config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
        println!("Clew is at {shown} (stop with ctrl-c)");
        tokio::spawn(crate::control::serve(app.state.clone()));
        app.serve(listener, stop).await;
        app.close().await;
        Ok(())
    }
}

/// Resolves when the process is asked to stop, by ctrl-c or SIGTERM.
fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
    })
}

/// The log goes to standard error, so that standard output is for what a person or a script reads.
fn start_log(config: &Config) -> Result<(), Failure> {
    let filter =
        EnvFilter::try_new(&config.log).map_err(|error| Failure::new(Exit::Usage, format!("--log: {error}")))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match config.log_format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    started.map_err(|error| Failure::new(Exit::Failed, error.to_string()))
}

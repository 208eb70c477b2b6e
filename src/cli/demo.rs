//! `scim-bridge demo`: the whole bridge with nothing around it. A simulated Aha! in the same process, a database in a
//! temporary folder, and lines to paste; and a second app that is passed through to a simulated SCIM target. Ends without a trace.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    pin::pin,
    sync::{Arc, OnceLock},
};

use anyhow::Context;
use aws_lc_rs::rand;
use tokio::net::TcpListener;

use crate::{
    app::App,
    clock::SystemClock,
    config::{Config, Log},
    http,
    sim::{
        aha::{DEMO_API_KEY, SimulatedAha},
        scim::{DEMO_TOKEN, SimulatedScim},
    },
    telemetry,
};

use super::signal;

/// Who leaves in the third line that is printed.
const LEAVER: &str = "alan.turing@example.com";

/// Tries the bridge.
#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    /// Where to listen. If the port is taken, the system chooses another.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

impl Demo {
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        telemetry::logs::start(&Log::default())?;
        // Signals are heard before there is anything to leave behind.
        let left_behind = Arc::new(OnceLock::<PathBuf>::new());
        let leaving = left_behind.clone();
        let stopping = signal::stopping(signal::Hangup::Stops, move || {
            leaving.get().into_iter().for_each(|folder| remove(folder));
        })?;
        let folder = tempfile::Builder::new().prefix("scim-bridge-demo-").tempdir()?;
        left_behind.get_or_init(|| folder.path().to_owned());
        let clock = Arc::new(SystemClock);
        let aha = SimulatedAha::demo(clock.clone());
        let running_aha = aha.start().await.context("the simulated Aha! cannot listen")?;
        let scim = SimulatedScim::demo(clock.clone());
        let running_scim = scim.start().await.context("the simulated SCIM target cannot listen")?;
        let token = random_token()?;
        let passed_token = random_token()?;
        let config = configuration(
            folder.path(),
            (running_aha.base_url(), &token),
            (running_scim.base_url(), &passed_token),
        )?;
        let listener = self.bind()?;
        let public_url = format!("http://{}", listener.local_addr()?);
        let app = App::open(&config, &public_url, clock).await?;
        let base_url = format!("{public_url}/aha/scim/v2");
        let accounts_known = app.accounts_known();
        // Whoever pastes a line at once, as scripts do, must find the people.
        let introduce = async {
            accounts_known.await;
            let leaver = find_id(&base_url, &token, LEAVER).await?;
            let passed = (format!("{public_url}/ahrefs/scim/v2"), passed_token.as_str());
            println!("{}", introduction(&base_url, &token, &leaver, running_aha.base_url(), &passed));
            anyhow::Ok(())
        };
        let mut running = pin!(app.run(listener, stopping.clone()));
        tokio::select! {
            ended = &mut running => ended?,
            introduced = introduce => {
                // Who stops the demo before it is ready misses nothing.
                if !stopping.is_cancelled() {
                    introduced?;
                }
                running.await?;
            }
        }
        drop((running_aha, running_scim));
        folder.close().context("the temporary folder could not be removed")?;
        Ok(())
    }

    fn bind(&self) -> anyhow::Result<TcpListener> {
        match http::bind(self.listen) {
            Ok(listener) => Ok(listener),
            Err(_) => {
                let any_port = SocketAddr::new(self.listen.ip(), 0);
                http::bind(any_port).with_context(|| format!("cannot listen on {}", self.listen.ip()))
            }
        }
    }
}

/// Each app by its target's URL and the token that opens it.
fn configuration(
    folder: &Path,
    (aha_url, token): (&str, &str),
    (scim_url, passed_token): (&str, &str),
) -> anyhow::Result<Config> {
    let database = folder.join("scim-bridge.db");
    let database = database.display();
    let text = format!(
        "[database]\nurl = 'sqlite:{database}'\n\n\
         [apps.aha]\nconnector = 'aha'\nbase_url = '{aha_url}'\napi_key = '{DEMO_API_KEY}'\n\
         default_workspace = 'PRJ1'\ntokens = [{{ name = 'demo', token = '{token}' }}]\n\n\
         [apps.ahrefs]\nconnector = 'scim'\nbase_url = '{scim_url}'\ntoken = '{DEMO_TOKEN}'\n\
         tokens = [{{ name = 'demo', token = '{passed_token}' }}]\n"
    );
    Ok(Config::parse(&text, "demo", folder, &|_| None)?)
}

/// Removes the folder while the database in it is open, which may just be making a file.
fn remove(folder: &Path) {
    for _ in 0..10 {
        if std::fs::remove_dir_all(folder).is_ok() {
            return;
        }
    }
}

/// Asks the bridge, as an identity provider would, which id somebody has.
async fn find_id(base_url: &str, token: &str, email: &str) -> anyhow::Result<String> {
    let filter = format!("userName eq \"{email}\"");
    let request = reqwest::Client::new()
        .get(format!("{base_url}/Users"))
        .query(&[("filter", filter)])
        .bearer_auth(token);
    let list: serde_json::Value = request.send().await?.json().await?;
    let id = list["Resources"][0]["id"].as_str();
    Ok(id.with_context(|| format!("{email} is not among the people of the demo"))?.to_owned())
}

/// 128 random bits: enough that nobody else on the machine guesses it while the demo runs.
fn random_token() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 16];
    rand::fill(&mut bytes).map_err(|_| anyhow::anyhow!("the system has no random numbers"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn introduction(
    base_url: &str,
    token: &str,
    leaver: &str,
    aha_url: &str,
    (passed_url, passed_token): &(String, &str),
) -> String {
    format!(
        r#"
scim-bridge demo: a bridge in front of a simulated Aha! account with a dozen people.

  Tenant URL (Entra) / SCIM connector base URL (Okta):  {base_url}
  Secret token / API token:                             {token}
  The simulated Aha!, if you want to look behind:       {aha_url}/api/v1/users   (API key: {DEMO_API_KEY})

  A second app, passed through to a SCIM target:        {passed_url}   (token: {passed_token})

Look for somebody who has an account already:

  curl -s -H 'Authorization: Bearer {token}' -G '{base_url}/Users' --data-urlencode 'filter=userName eq "ada.lovelace@example.com"'

Let somebody join. Aha! gets a new user and sends one invitation:

  curl -s -H 'Authorization: Bearer {token}' -H 'Content-Type: application/scim+json' '{base_url}/Users' -d '{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"sam.doe@example.com","name":{{"givenName":"Sam","familyName":"Doe"}},"emails":[{{"value":"sam.doe@example.com","type":"work","primary":true}}],"active":true}}'

Let somebody leave ({LEAVER}), as Entra ID says it. Aha! disables the user:

  curl -s -H 'Authorization: Bearer {token}' -H 'Content-Type: application/scim+json' -X PATCH '{base_url}/Users/{leaver}' -d '{{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{{"op":"Replace","path":"active","value":"False"}}]}}'

Ctrl-C ends the demo and leaves nothing behind.
"#
    )
}

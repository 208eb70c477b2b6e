//! `scim-bridge demo`: the whole bridge with nothing around it. A simulated Aha! in the same process, a database in a
//! temporary folder, and lines to paste. Ends without a trace.

use std::{net::SocketAddr, path::Path, pin::pin, sync::Arc};

use anyhow::Context;
use aws_lc_rs::rand;
use tokio::net::TcpListener;

use crate::{
    app::App,
    clock::SystemClock,
    config::{Config, Log},
    sim::aha::{DEMO_API_KEY, SimulatedAha},
    telemetry,
};

use super::signal;

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
        let stopping = signal::stopping()?;
        let folder = tempfile::Builder::new().prefix("scim-bridge-demo-").tempdir()?;
        let clock = Arc::new(SystemClock);
        let aha = SimulatedAha::demo(clock.clone());
        let running_aha = aha.start().await.context("the simulated Aha! cannot listen")?;
        let token = random_token()?;
        let config = configuration(folder.path(), running_aha.base_url(), &token)?;
        let listener = self.bind().await?;
        let public_url = format!("http://{}", listener.local_addr()?);
        let app = App::open(&config, &public_url, clock).await?;
        let introduction = introduction(&format!("{public_url}/aha/scim/v2"), &token, running_aha.base_url());
        let accounts_known = app.accounts_known();
        // Whoever pastes a line at once, as scripts do, must find the people.
        let introduce = async move {
            accounts_known.await;
            println!("{introduction}");
        };
        let mut running = pin!(app.run(listener, stopping));
        tokio::select! {
            ended = &mut running => ended?,
            () = introduce => running.await?,
        }
        drop(running_aha);
        folder.close().context("the temporary folder could not be removed")?;
        Ok(())
    }

    async fn bind(&self) -> anyhow::Result<TcpListener> {
        match TcpListener::bind(self.listen).await {
            Ok(listener) => Ok(listener),
            Err(_) => {
                let any_port = SocketAddr::new(self.listen.ip(), 0);
                TcpListener::bind(any_port)
                    .await
                    .with_context(|| format!("cannot listen on {}", self.listen.ip()))
            }
        }
    }
}

fn configuration(folder: &Path, aha_url: &str, token: &str) -> anyhow::Result<Config> {
    let database = folder.join("scim-bridge.db");
    let database = database.display();
    let text = format!(
        "[database]\nurl = 'sqlite:{database}'\n\n\
         [apps.aha]\nconnector = 'aha'\nbase_url = '{aha_url}'\napi_key = '{DEMO_API_KEY}'\n\
         default_workspace = 'PRJ1'\ntokens = [{{ name = 'demo', token = '{token}' }}]\n"
    );
    Ok(Config::parse(&text, "demo", folder, &|_| None)?)
}

/// 128 random bits: enough that nobody else on the machine guesses it while the demo runs.
fn random_token() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 16];
    rand::fill(&mut bytes).map_err(|_| anyhow::anyhow!("the system has no random numbers"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn introduction(base_url: &str, token: &str, aha_url: &str) -> String {
    format!(
        r#"
scim-bridge demo: a bridge in front of a simulated Aha! account with a dozen people.

  Tenant URL (Entra) / SCIM connector base URL (Okta):  {base_url}
  Secret token / API token:                             {token}
  The simulated Aha!, if you want to look behind:       {aha_url}/api/v1/users   (API key: {DEMO_API_KEY})

Look for somebody who has an account already:

  curl -s -H 'Authorization: Bearer {token}' -G '{base_url}/Users' --data-urlencode 'filter=userName eq "ada.lovelace@example.com"'

Let somebody join. Aha! gets a new user and sends one invitation:

  curl -s -H 'Authorization: Bearer {token}' -H 'Content-Type: application/scim+json' '{base_url}/Users' -d '{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"sam.doe@example.com","name":{{"givenName":"Sam","familyName":"Doe"}},"emails":[{{"value":"sam.doe@example.com","type":"work","primary":true}}],"active":true}}'

Let the same person leave, as Entra says it. Put the "id" of the answer above in the place of ID:

  curl -s -H 'Authorization: Bearer {token}' -H 'Content-Type: application/scim+json' -X PATCH '{base_url}/Users/ID' -d '{{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{{"op":"Replace","path":"active","value":"False"}}]}}'

Ctrl-C ends the demo and leaves nothing behind.
"#
    )
}

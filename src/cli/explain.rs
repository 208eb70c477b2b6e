//! `scim-bridge explain`: one person's story, and how it stands.

use std::collections::BTreeMap;

use anyhow::bail;

use crate::{
    converge::{Target, asks},
    explain::{Case, Explanation, text::printable},
    store::{
        StoreError, User, UserId,
        events::{self, EventKind, Recorded, Subject},
        members, users,
    },
};

use super::{groups_of_app, target_of_file::TargetOfFile};

/// How many events are told without `--all`: about what fits a screen.
const SHOWN: u32 = 40;

/// How many of the newest events say whether the target works.
const LATELY: u32 = 1_000;

/// How many ids of one person are followed back.
const MOST_SUBJECTS: usize = 50;

/// Asks about one person.
#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    #[command(flatten)]
    target: TargetOfFile,
    /// Whom to explain: a userName, an e-mail, a SCIM id, an externalId, or the id of an account at the target. If nobody goes by it:
    /// a group, by its displayName or its id.
    #[arg(value_name = "USER")]
    user: String,
    /// Tell everything that happened, however long ago.
    #[arg(long)]
    all: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        let target = self.target.open().await?;
        let found = users::find_by_any_name(&target.store, &target.app, &self.user).await?;
        if found.is_empty()
            && let Some(group) = groups_of_app::explain(&target, &self.user).await?
        {
            if self.json {
                println!("{}", serde_json::to_string_pretty(&group)?);
            } else {
                print!("{group}");
            }
            return Ok(());
        }
        let user = match found.as_slice() {
            [] => None,
            [user] => Some(user),
            several => bail!("{}", choose(&self.user, several)),
        };
        let limit = if self.all { u32::MAX - 1 } else { SHOWN };
        let story = Story::of(&target, &self.user, user, limit).await?;
        if user.is_none() && story.events.is_empty() {
            bail!(
                "nothing is known of {:?} in app {}: no user has it as userName, e-mail, id, externalId or account id, and no \
                 create for it was refused. If the identity provider has sent it, see its log, and the log of this bridge",
                self.user,
                target.app
            );
        }
        let explanation = self.explain(&target, user, &story).await?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&explanation)?);
        } else {
            print!("{explanation}");
        }
        Ok(())
    }

    /// Gathers what else the explanation follows from.
    async fn explain(
        &self,
        target: &Target,
        user: Option<&User>,
        story: &Story,
    ) -> Result<Explanation, StoreError> {
        let (store, app, now) = (&target.store, target.app.as_str(), target.clock.now());
        let (mut plan, mut groups, mut ahead) = (Vec::new(), Vec::new(), 0);
        if let Some(user) = user {
            let desired = asks::desired(store, &*target.connector, user).await?;
            plan = target.connector.plan(&desired, &user.observed);
            groups = members::memberships(store, app, &[user.id.as_str()]).await?;
            groups.sort_by(|one, other| one.display.cmp(&other.display));
            if let Some(due_at) = user.due_at {
                ahead = users::count_before(store, app, user.lane, due_at, now).await?;
            }
        }
        Ok(Explanation::of(&Case {
            app,
            target: target.connector.target(),
            asked_for: &self.user,
            user,
            plan: &plan,
            groups: &groups,
            events: &story.events,
            has_earlier_events: story.has_earlier_events,
            lately: &events::list_newest(store, app, LATELY).await?,
            ahead,
            mode: target.convergence.mode,
            drift: target.convergence.drift,
            arguments: &self.target.arguments(),
            now,
        }))
    }
}

/// What happened to one person.
struct Story {
    /// The newest events, the oldest first.
    events: Vec<Recorded>,
    has_earlier_events: bool,
}

impl Story {
    /// At most `limit` events: those of the user, those of whoever was asked for by the same name, and those of earlier ids.
    async fn of(
        target: &Target,
        asked_for: &str,
        user: Option<&User>,
        limit: u32,
    ) -> Result<Self, StoreError> {
        let name = user.map_or(asked_for, |user| user.resource.user_name().unwrap_or_default());
        // Without a user, it may be the id of one that is no more.
        let id = user.map_or_else(|| UserId::from(asked_for), |user| user.id.clone());
        let mut subjects = vec![Subject::Name(name).key(), Subject::User(&id).key()];
        let mut events = BTreeMap::new();
        let mut next = 0;
        while let Some(subject) = subjects.get(next) {
            for event in events::list(&target.store, &target.app, subject, limit + 1).await? {
                if event.kind == Some(EventKind::Continued)
                    && let Some(earlier) = &event.related
                    && subjects.len() < MOST_SUBJECTS
                    && !subjects.contains(earlier)
                {
                    subjects.push(earlier.clone());
                }
                events.insert(event.id.clone(), event);
            }
            next += 1;
        }
        let has_earlier_events = events.len() > limit as usize;
        while events.len() > limit as usize {
            events.pop_first();
        }
        Ok(Self { events: events.into_values().collect(), has_earlier_events })
    }
}

/// Lists users of the same name.
fn choose(name: &str, users: &[User]) -> String {
    let mut said = format!("{} users go by {name:?}; ask for one of them by its id:", users.len());
    for user in users {
        let user_name = printable(user.resource.user_name().unwrap_or_default());
        let account = user.account().map(|account| format!(", account {}", account.id)).unwrap_or_default();
        let deleted = user.deleted_at.map(|at| format!(", deleted at {at}")).unwrap_or_default();
        said.push_str(&format!("\n  {}  {user_name}{account}{deleted}", user.id));
    }
    said
}

//! The calls to Aha!, one function each, and what its answers mean.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    clock::Clock,
    config::{AhaConfig, Grant},
    connector::{
        Account, AccountPage, Allowance, Catalogue, Changes, CredentialsOwner, Entitlement, Name, Observed,
        RightChange, TargetError,
        aha_api::{AhaApi, LARGEST_PAGE, Owner, expect_same, forbidden, to_json},
        credentials::Credentials,
        error::RejectionKind,
        rights::{Given, Rights, SeenRights, WorkspaceRole},
    },
    upstream::{CallMeter, CallPath, Response, SetupError},
};

use super::wire::{
    CreateBody, CustomRolesBody, ProductsBody, SeatGroupsBody, UpdateBody, User, UserBody, UserChanges,
    UsersBody, administrator_body, modify_user_body, product_role_body, told_role, user_role_body,
    written_role,
};

/// An account that is older than this when a create answers with it was there before: the clocks of Aha! and of this machine
/// may differ by so much, and a wrong guess costs a call.
const NEW_FOR: Duration = Duration::from_secs(15 * 60);

/// Calls one Aha! account about its users.
#[derive(Debug)]
pub(super) struct Client {
    api: AhaApi,
    config: AhaConfig,
    clock: Arc<dyn Clock>,
}

impl Client {
    pub(super) fn new(
        meter: CallMeter,
        config: AhaConfig,
        credentials: Arc<dyn Credentials>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        let api = AhaApi::new(meter, &config.account, credentials, Owner::MayBeChanged, clock.clone())?;
        Ok(Self { api, config, clock })
    }

    /// `GET /users?email=`.
    pub(super) async fn find(
        &self,
        email: &str,
        allowance: &mut dyn Allowance,
    ) -> Result<Observed, TargetError> {
        let not_found = |said_so: &str| self.not_found(Subject::Users, said_so);
        self.api.find_user::<UsersBody>(&"/users".into(), email, not_found, allowance).await
    }

    /// `POST /products/:id/users`. Aha! sends an invitation. `into` is the workspace, by its id, and the role that a group
    /// gives; without it, those of the configuration are `default_role`, if the workspace was listed.
    ///
    /// A workspace that is gone since it was listed must not keep anybody out: then it is that of the configuration.
    pub(super) async fn create(
        &self,
        email: &str,
        name: &Name,
        mut into: Option<&(String, WorkspaceRole)>,
        default_role: Option<(String, WorkspaceRole)>,
        allowance: &mut dyn Allowance,
    ) -> Result<Account, TargetError> {
        let config = &self.config;
        let called_at = self.clock.now();
        let (response, workspace) = loop {
            let workspace = into.map_or(&config.default_workspace, |(workspace, _)| workspace);
            let role = into.map_or(config.default_role.as_str(), |(_, role)| written_role(*role));
            let path = CallPath::new("/products/{workspace}/users", &[workspace]);
            let body = to_json(&CreateBody::new(email, name, role, config));
            let response = self.api.call(Method::POST, &path, &[], Some(body), allowance).await?;
            let is_gone = response.status == StatusCode::NOT_FOUND && response.is_json();
            if into.take_if(|_| is_gone).is_none() {
                break (response, workspace);
            }
        };
        let subject = Subject::Workspace(workspace);
        let answer: UserBody = self.api.understand(response, |said_so| self.not_found(subject, said_so))?;
        let user = answer.into_user();
        let given = given_by_create(into, default_role.as_ref());
        if user.created_at().is_some_and(|created_at| created_at + NEW_FOR < called_at) {
            let account = self.look_at_existing(user, allowance).await;
            let entitlement = Entitlement { given, ..*account.entitlement };
            return Ok(Account { entitlement: Box::new(entitlement), ..account });
        }
        let held = into.cloned().or(default_role);
        // Who is new has nothing else.
        let seen = SeenRights {
            workspaces: held.map(|held| [held].into()),
            custom_roles: Some(BTreeSet::new()),
            administrator: Some(BTreeSet::new()),
            seat_groups: None,
        };
        let entitlement = Box::new(Entitlement { seen, given, lost: None });
        Ok(Account { written_name: Some(name.clone()), entitlement, ..user.into_account() })
    }

    /// Gives or takes a right.
    pub(super) async fn change_right(
        &self,
        before: &Account,
        change: &RightChange,
        allowance: &mut dyn Allowance,
    ) -> Result<Account, TargetError> {
        let id = before.id.as_str();
        let mut account = before.clone();
        match change {
            RightChange::GiveRole { workspace, role, .. }
            | RightChange::TakeRole { workspace, leaving: Some(role) } => {
                let body = product_role_body(workspace, *role);
                let path = CallPath::new("/users/{id}/product_roles", &[id]);
                let answer = self.send(Method::POST, &path, Some(body), Subject::Right(change), allowance);
                if let Some(told) = told_role(&answer.await?.body) {
                    // A line may have handed down more than is given here.
                    let is_done = if change.takes() { told <= Some(*role) } else { told >= Some(*role) };
                    must_be_done(is_done, change)?;
                }
            }
            RightChange::TakeRole { workspace, leaving: None } => {
                let path = CallPath::new("/users/{id}/product_roles/{workspace}", &[id, workspace]);
                let sent = self.send(Method::DELETE, &path, None, Subject::Right(change), allowance).await;
                if let Err(error) = or_rejection(sent)? {
                    let held = self.find_account(&before.id, allowance).await?;
                    let held = held.and_then(|account| account.entitlement.seen.workspaces);
                    must_be_gone(held.map(|held| held.contains_key(workspace)), error)?;
                }
            }
            RightChange::GiveCustomRole(role) => {
                let path = CallPath::new("/users/{id}/user_roles", &[id]);
                let body = user_role_body(role);
                self.send(Method::POST, &path, Some(body), Subject::Right(change), allowance).await?;
            }
            RightChange::TakeCustomRoles { workspace } => {
                let path = CallPath::new("/users/{id}/user_roles/{workspace}", &[id, workspace]);
                let sent = self.send(Method::DELETE, &path, None, Subject::Right(change), allowance).await;
                if let Err(error) = or_rejection(sent)? {
                    let is_held = self.has_custom_role(&before.id, workspace, allowance).await?;
                    must_be_gone(Some(is_held), error)?;
                }
            }
            RightChange::Administrator { gives, takes } => {
                let path = CallPath::new("/users/{id}", &[id]);
                let body = administrator_body(gives, takes);
                let answer: UserBody = self.write(Method::PUT, &path, body, Subject::User, allowance).await?;
                let user = answer.into_user();
                expect_same(&before.id, user.id())?;
                let changed = user.into_changed_account(before, None);
                if let Some(told) = &changed.entitlement.seen.administrator {
                    must_be_done(gives.is_subset(told) && takes.is_disjoint(told), change)?;
                }
                account = changed.remembering(before);
            }
            RightChange::JoinSeatGroup(group) | RightChange::LeaveSeatGroup(group) => {
                let path = CallPath::new("/paid_seat_groups/{group}/modify_user", &[group]);
                let body = modify_user_body(&before.id, change.takes());
                self.send(Method::POST, &path, Some(body), Subject::Right(change), allowance).await?;
            }
        }
        account.entitlement.finish(change);
        Ok(account)
    }

    /// `GET /users/:id/user_roles`: whether a custom role in that workspace is among them.
    async fn has_custom_role(
        &self,
        id: &str,
        workspace: &str,
        allowance: &mut dyn Allowance,
    ) -> Result<bool, TargetError> {
        let path = CallPath::new("/users/{id}/user_roles", &[id]);
        let query = [("per_page", LARGEST_PAGE)];
        let body: CustomRolesBody = self.read(&path, &query, Subject::User, allowance).await?;
        Ok(body.names(workspace))
    }

    /// `GET /products`, all pages, and `GET /paid_seat_groups` if a rule names one.
    pub(super) async fn catalogue(&self, allowance: &mut dyn Allowance) -> Result<Catalogue, TargetError> {
        let mut workspaces = Vec::new();
        let mut number = 1_u32;
        loop {
            let page = number.to_string();
            let query = [("page", page.as_str()), ("per_page", LARGEST_PAGE)];
            let body: ProductsBody =
                self.read(&"/products".into(), &query, Subject::Users, allowance).await?;
            let is_last = number >= body.total_pages();
            workspaces.extend(body.into_workspaces());
            if is_last {
                break;
            }
            number += 1;
        }
        let mut seat_groups = Vec::new();
        if self.config.groups.give(|grant| matches!(grant, Grant::SeatGroup(_))) {
            let listed: Result<SeatGroupsBody, _> =
                self.read(&"/paid_seat_groups".into(), &[], Subject::Users, allowance).await;
            match listed {
                Ok(body) => seat_groups = body.into_groups(),
                // A plan without them: the rest is given all the same, and the group says what is the matter.
                Err(TargetError::Rejected { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Catalogue { workspaces, seat_groups, ..Catalogue::default() })
    }

    /// The account that a create answered with although it was there before, which happens where a search leaves out
    /// disabled users. The answer does not say whether it is enabled, and its name is not the one
    /// that was sent.
    ///
    /// When the look fails the account counts as enabled: then a leaver is disabled in any case, and whether a joiner must be
    /// enabled the roster finds out.
    async fn look_at_existing(&self, user: User, allowance: &mut dyn Allowance) -> Account {
        match self.find_account(user.id(), allowance).await {
            Ok(Some(account)) => account,
            Ok(None) | Err(_) => user.into_account(),
        }
    }

    /// `PUT /users/:id`.
    pub(super) async fn update(
        &self,
        before: &Account,
        changes: &Changes,
        allowance: &mut dyn Allowance,
    ) -> Result<Account, TargetError> {
        let path = CallPath::new("/users/{id}", &[&before.id]);
        let body = to_json(&UpdateBody {
            user: UserChanges {
                email: changes.email.as_deref(),
                first_name: changes.given_name.as_deref(),
                last_name: changes.family_name.as_deref(),
                enabled: changes.enabled,
            },
        });
        let answer: UserBody = self.write(Method::PUT, &path, body, Subject::User, allowance).await?;
        let user = answer.into_user();
        expect_same(&before.id, user.id())?;
        let account = user.into_changed_account(before, changes.enabled);
        if changes.given_name.is_none() && changes.family_name.is_none() {
            return Ok(account.remembering(before));
        }
        let known = before.written_name.clone().unwrap_or_else(|| Name::split(&before.name));
        let written_name = Name {
            given: changes.given_name.clone().unwrap_or(known.given),
            family: changes.family_name.clone().unwrap_or(known.family),
        };
        Ok(Account { written_name: Some(written_name), ..account.remembering(before) })
    }

    /// `GET /users`, a page of 200.
    pub(super) async fn accounts(
        &self,
        page: u32,
        allowance: &mut dyn Allowance,
    ) -> Result<AccountPage, TargetError> {
        let not_found = |said_so: &str| self.not_found(Subject::Users, said_so);
        self.api.users::<UsersBody>(&"/users".into(), page, not_found, allowance).await
    }

    /// `GET /users/:id`.
    pub(super) async fn find_account(
        &self,
        id: &str,
        allowance: &mut dyn Allowance,
    ) -> Result<Option<Account>, TargetError> {
        let path = CallPath::new("/users/{id}", &[id]);
        match self.read::<UserBody>(&path, &[], Subject::User, allowance).await {
            Ok(body) => {
                let user = body.into_user();
                expect_same(id, user.id())?;
                Ok(Some(user.into_account()))
            }
            Err(TargetError::AccountNotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `GET /me`.
    pub(super) async fn credentials_owner(
        &self,
        allowance: &mut dyn Allowance,
    ) -> Result<CredentialsOwner, TargetError> {
        let owner = self.api.key_owner(allowance).await?.into_owner();
        Ok(CredentialsOwner { account_id: Some(owner.id), email: owner.email })
    }

    async fn read<T: DeserializeOwned>(
        &self,
        path: &CallPath,
        query: &[(&str, &str)],
        subject: Subject<'_>,
        allowance: &mut dyn Allowance,
    ) -> Result<T, TargetError> {
        let response = self.api.call(Method::GET, path, query, None, allowance).await?;
        self.api.understand(response, |said_so| self.not_found(subject, said_so))
    }

    /// A call whose answer need not say anything.
    async fn send(
        &self,
        method: Method,
        path: &CallPath,
        body: Option<Value>,
        subject: Subject<'_>,
        allowance: &mut dyn Allowance,
    ) -> Result<Response, TargetError> {
        let response = self.api.call(method, path, &[], body, allowance).await?;
        self.api.succeeded(response, |said_so| self.not_found(subject, said_so))
    }

    async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &CallPath,
        body: Value,
        subject: Subject<'_>,
        allowance: &mut dyn Allowance,
    ) -> Result<T, TargetError> {
        let response = self.api.call(method, path, &[], Some(body), allowance).await?;
        self.api.understand(response, |said_so| self.not_found(subject, said_so))
    }

    /// Aha! answers 404 also for what the key may not see.
    fn not_found(&self, subject: Subject<'_>, said_so: &str) -> TargetError {
        match subject {
            Subject::User => TargetError::AccountNotFound {
                reason: format!("Aha! does not have this user any more (404{said_so})"),
            },
            Subject::Workspace(workspace) => TargetError::Rejected {
                reason: format!(
                    "Aha! does not find the workspace {workspace} (404{said_so}). Check default_workspace, or the rule of the \
                     group that gives it, and that the bridge's administrator can see it"
                ),
                rejection: RejectionKind::Invalid,
            },
            Subject::Right(change) => TargetError::Rejected {
                reason: format!(
                    "Aha! does not find what it takes to {} the account (404{said_so}). Check that it is there, and that the \
                     bridge's administrator can see it",
                    change.describe()
                ),
                rejection: RejectionKind::Forbidden,
            },
            Subject::Users => forbidden(said_so),
        }
    }
}

/// What a call is about, which decides what a 404 means.
#[derive(Clone, Copy, Debug)]
enum Subject<'a> {
    User,
    Users,
    Workspace(&'a str),
    Right(&'a RightChange),
}

/// Passes all failures on but a no for good, which is for the caller to judge.
fn or_rejection(sent: Result<Response, TargetError>) -> Result<Result<(), TargetError>, TargetError> {
    match sent {
        Ok(_) => Ok(Ok(())),
        Err(error @ TargetError::Rejected { .. }) => Ok(Err(error)),
        Err(error) => Err(error),
    }
}

/// A right that is not there cannot be taken: what Aha! answers then is not documented, and its 404 may as well mean that
/// the API key may not. So what is there is looked at, and `is_held` says.
fn must_be_gone(is_held: Option<bool>, error: TargetError) -> Result<(), TargetError> {
    if is_held == Some(false) { Ok(()) } else { Err(error) }
}

/// What Aha! does when it is asked for what it does not allow (to demote the last administrator, say) is not documented: it may answer
/// 200 and leave all as it was. What its answer tells is believed.
fn must_be_done(is_done: bool, change: &RightChange) -> Result<(), TargetError> {
    if is_done {
        return Ok(());
    }
    let reason = format!(
        "Aha! was asked to {} the account and answered that all is well, but its answer shows that it is not done. Find out at \
         Aha! what does not allow it",
        change.describe()
    );
    Err(TargetError::Rejected { reason, rejection: RejectionKind::Forbidden })
}

/// What a create gives. The default role of the same workspace is what is left when a group gives no more than that.
fn given_by_create(
    into: Option<&(String, WorkspaceRole)>,
    default_role: Option<&(String, WorkspaceRole)>,
) -> Given {
    let Some((workspace, role)) = into.cloned() else { return Given::default() };
    let weaker = default_role.filter(|(default, weaker)| *default == workspace && *weaker < role);
    Given {
        instead_of: weaker.cloned().into_iter().collect(),
        rights: Rights { workspaces: [(workspace, role)].into(), ..Rights::default() },
    }
}
